"""How a measurement may end: done, failed, stopped, or not done in time; every command of the benchmark asks the same way."""

import asyncio
import signal
from collections.abc import Awaitable, Iterator
from typing import Final

from bench.backlog import BacklogStuck
from bench.customers import NotReady
from bench.pgbench import PgbenchFailed
from bench.reads import WrongAnswers
from bench.stack import StackFailed
from bench.wire import BadAnswer

_FAILURES: Final = (
    StackFailed,
    NotReady,
    WrongAnswers,
    PgbenchFailed,
    BadAnswer,
    BacklogStuck,
    OSError,
)


async def why_undone(measurement: Awaitable[None], longest_seconds: float) -> str:
    """Measure; return why it could not be done, or nothing."""
    this = asyncio.current_task()
    if this is not None:  # `kill` must stop what was started as Ctrl-C does
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    failure = ""
    try:
        async with asyncio.timeout(longest_seconds):
            await measurement
    except* asyncio.CancelledError:
        failure = "it was stopped"
    except* TimeoutError:
        failure = f"it was not done after {longest_seconds:.0f} s"
    except* _FAILURES as failures:
        failure = "; ".join(f"{type(one).__name__}: {one}" for one in _leaves(failures))
    return failure


def _leaves(failure: BaseException) -> Iterator[BaseException]:
    """List the failures in a group of groups; one alone is itself."""
    if not isinstance(failure, BaseExceptionGroup):
        yield failure
        return
    for one in failure.exceptions:
        yield from _leaves(one)
