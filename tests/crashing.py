"""Dies at a chosen statement: what a kill leaves behind, point by point, without a process to start each time."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Engine


class Killed(BaseException):
    """What no code under test can catch by accident, as it cannot catch a kill."""


@contextmanager
def killed_before_statement(number: int) -> Iterator[list[str]]:
    """Let `number` statements and commits through, of any database, and die before the next; yields what ran."""
    seen: list[str] = []

    def look(what: str) -> None:
        if len(seen) == number:
            raise Killed(what)
        seen.append(what)

    def execute(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        look(statement)

    def commit(_connection: object) -> None:
        look("COMMIT")

    event.listen(Engine, "before_cursor_execute", execute)
    event.listen(Engine, "commit", commit)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", execute)
        event.remove(Engine, "commit", commit)
