"""Time in tests: a clock that stands still and waits that end as soon as they may."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from subprocess import Popen
from typing import Final, TypeVar, overload

T = TypeVar("T")

_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.1


class FrozenClock:
    """A `Clock` that shows the same time until told otherwise."""

    def __init__(self, now: datetime = datetime(2026, 1, 15, 12, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, **delta: float) -> None:
        """Move on by the given `timedelta` arguments, for example `advance(minutes=5)`."""
        self._now += timedelta(**delta)


@overload
async def eventually(
    predicate: Callable[[], Awaitable[T]],
    timeout: float = ...,  # noqa: ASYNC109 - how long to ask, not how long to wait for one answer
    message: str = ...,
) -> T: ...
@overload
async def eventually(
    predicate: Callable[[], T],
    timeout: float = ...,  # noqa: ASYNC109 - see above
    message: str = ...,
) -> T: ...
async def eventually(
    predicate: Callable[[], Awaitable[T] | T],
    timeout: float = 30,  # noqa: ASYNC109 - see above
    message: str = "",
) -> T:
    """Return the predicate's first true result; poll until then.

    An `AssertionError` of the predicate counts as "not yet" and is shown when time runs out.

    Raises:
        AssertionError: it was not true within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        result, failure = await _try(predicate)
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(
                message or f"not true within {timeout} s; last result: {result!r}"
            ) from failure
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def comes_true(
    ready: Callable[[], bool], seconds: float, process: Popen[bytes] | None = None
) -> bool:
    """Tell, without an event loop, whether something becomes ready: for what starts before there is one.

    Returns:
        False when it was not ready within `seconds`, or when the process that makes it so has ended.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while not ready():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    return True


async def _try(
    predicate: Callable[[], Awaitable[T] | T],
) -> tuple[T | None, AssertionError | None]:
    try:
        result = predicate()
        if inspect.isawaitable(result):
            return await result, None
    except AssertionError as failure:
        return None, failure
    return result, None
