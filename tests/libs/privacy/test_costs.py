"""Sealing asks the database nothing: a row is written and read in as many statements as before."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.libs.privacy.conftest import Registry


@pytest.fixture
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


async def test_writing_and_reading_a_person_are_one_statement_each(
    registry: Registry, statements: list[str]
) -> None:
    await registry.keys.ready()
    statements.clear()
    await registry.add("p1")
    await registry.find("p1")
    assert [statement.split()[0] for statement in statements] == ["INSERT", "SELECT"]
