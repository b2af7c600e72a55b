"""How long the caller still waits. It shrinks with every hop, so no service works for a caller that has gone."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ClassVar, Final

from libs.errors import DomainError

DEADLINE_HEADER: Final = "Request-Timeout"
"""Milliseconds the caller waits from the moment it sends the request."""

_deadline: Final[ContextVar[float | None]] = ContextVar("deadline", default=None)


class DeadlineExceeded(DomainError):
    """The caller's time is over; whatever was not committed is undone."""

    code: ClassVar[str] = "deadline_exceeded"
    status: ClassVar[int] = 504
    title: ClassVar[str] = "The request's time is over"


@contextmanager
def deadline_in(seconds: float) -> Iterator[None]:
    """Let the block, and the tasks it starts, know that nobody waits longer than this many seconds."""
    token = _deadline.set(asyncio.get_running_loop().time() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining_seconds() -> float | None:
    """Return the seconds left, negative when over, or None when nobody set a limit."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - asyncio.get_running_loop().time()


def require_time() -> None:
    """Stop before starting work whose result nobody waits for.

    Raises:
        DeadlineExceeded: no time is left.
    """
    left = remaining_seconds()
    if left is not None and left <= 0:
        raise DeadlineExceeded("Try again with more time.")
