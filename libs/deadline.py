"""How long the caller still waits. It shrinks with every hop, so no service works for a caller that has gone."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ClassVar, Final

from libs.errors import DomainError

DEADLINE_HEADER: Final = "Request-Timeout"
"""Milliseconds the caller waits from the moment it sends the request."""


class DeadlineExceeded(DomainError):
    """The caller's time is over; whatever was not committed is undone."""

    code: ClassVar[str] = "deadline_exceeded"
    status: ClassVar[int] = 504
    title: ClassVar[str] = "The request's time is over"


class Deadline:
    """The moment, on the loop's clock, after which nobody waits; it stands still while the caller chose to wait.

    Attributes:
        ends_at: the moment; infinite while it stands still.
    """

    def __init__(self, seconds: float, moved: Callable[[float], None] | None = None) -> None:
        self.ends_at = asyncio.get_running_loop().time() + seconds
        self._moved = moved

    def left(self) -> float:
        """Return the seconds left, negative when over."""
        return self.ends_at - asyncio.get_running_loop().time()

    def move_to(self, ends_at: float) -> None:
        """Set another moment and tell whoever watches it."""
        self.ends_at = ends_at
        if self._moved is not None:
            self._moved(ends_at)


_deadline: Final[ContextVar[Deadline | None]] = ContextVar("deadline", default=None)


@contextmanager
def deadline_in(seconds: float, moved: Callable[[float], None] | None = None) -> Iterator[Deadline]:
    """Let the block, and the tasks it starts, know that nobody waits longer than this many seconds.

    `moved` hears of every change of the moment.
    """
    deadline = Deadline(seconds, moved)
    token = _deadline.set(deadline)
    try:
        yield deadline
    finally:
        _deadline.reset(token)


@contextmanager
def standing_still() -> Iterator[None]:
    """Let no time pass for the deadline in this block: the caller asked to wait for what it waits for."""
    deadline = _deadline.get()
    if deadline is None:
        yield
        return
    left = deadline.left()
    deadline.move_to(float("inf"))
    try:
        yield
    finally:
        deadline.move_to(asyncio.get_running_loop().time() + left)


def remaining_seconds() -> float | None:
    """Return the seconds left, negative when over, or None when nobody set a limit."""
    deadline = _deadline.get()
    return None if deadline is None else deadline.left()


def require_time() -> None:
    """Stop before starting work whose result nobody waits for.

    Raises:
        DeadlineExceeded: no time is left.
    """
    left = remaining_seconds()
    if left is not None and left <= 0:
        raise DeadlineExceeded("Try again with more time.")
