"""Runs a service's background half: outbox relay, queue consumers and timers, each restarted when it fails."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from libs.audit.retention import AuditRetention
from libs.audit.sealing import SEAL_SECONDS, Sealer
from libs.idempotency.store import purge_all_expired
from libs.messaging.consumer import Consumer
from libs.messaging.handlers import Handlers
from libs.messaging.relay import SLOWEST_POLL_SECONDS, Relay
from libs.messaging.retention import Retention
from libs.messaging.routing import Routing
from libs.observability.logging import get_logger
from libs.runtime.resources import Resources

LONGEST_RESTART_PAUSE_SECONDS = 10.0
SLOWEST_POLL_APART_SECONDS = 0.2
LONGEST_POLL_SECONDS = 5
PURGE_SECONDS = 3600.0

log = get_logger(__name__)


@dataclass(frozen=True)
class Timer:
    """Work repeated every `seconds`, jittered by a tenth so that replicas spread out.

    `at_start` runs it once more before the first pause.
    """

    name: str
    seconds: float
    run: Callable[[], Awaitable[object]]
    at_start: bool = False


@dataclass(frozen=True)
class WorkerPlan:
    """What a service's worker does besides relaying its outbox."""

    handlers: Handlers = field(default_factory=dict)
    timers: Sequence[Timer] = ()


@asynccontextmanager
async def running_worker(resources: Resources, plan: WorkerPlan) -> AsyncIterator[None]:
    """Run the plan until the block ends, then let every loop finish what it holds.

    Each loop watches `resources.stopping`; one that outlives the drain time is cancelled, which is
    safe because an unfinished transaction rolls back and an unacknowledged message comes again.
    """
    tasks = [
        asyncio.create_task(_restarted(name, loop, resources.stopping), name=name)
        for name, loop in _loops(resources, plan).items()
    ]
    try:
        yield
    finally:
        resources.stopping.set()
        _, late = await asyncio.wait(tasks, timeout=resources.settings.drain_seconds)
        for task in late:
            log.warning("worker_loop_cancelled", loop=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def _loops(resources: Resources, plan: WorkerPlan) -> dict[str, Callable[[], Awaitable[None]]]:
    settings, stopping = resources.settings, resources.stopping
    # A worker of its own does not hear the commits of the API process, so it looks more often.
    slowest = SLOWEST_POLL_APART_SECONDS if settings.role == "worker" else SLOWEST_POLL_SECONDS
    relay = Relay(
        resources.database,
        resources.broker,
        resources.wake_relay,
        slowest_poll_seconds=slowest,
    )
    loops: dict[str, Callable[[], Awaitable[None]]] = {"relay": lambda: relay.run(stopping)}
    for queue in Routing.load().queues_of(settings.service):
        consumer = Consumer(
            queue=queue,
            handlers=plan.handlers,
            database=resources.database,
            broker=resources.broker,
            outbox_of=resources.outbox,
            wait_seconds=_poll_seconds(settings.drain_seconds),
        )
        loops[f"consumer:{queue.name}"] = _bound(consumer.run, stopping)
    own = (
        _purge_of(resources),
        _retention_of(resources),
        _sealing_of(resources),
        _audit_retention_of(resources),
    )
    for timer in (*plan.timers, *own):
        loops[f"timer:{timer.name}"] = _bound(_TimerLoop(timer).run, stopping)
    return loops


def _poll_seconds(drain_seconds: int) -> int:
    """A poll that outlives the drain would be cancelled, and what it was handed stay invisible."""
    return max(1, min(LONGEST_POLL_SECONDS, drain_seconds - 2))


def _purge_of(resources: Resources) -> Timer:
    return Timer("purge", PURGE_SECONDS, lambda: purge_all_expired(resources.database))


def _retention_of(resources: Resources) -> Timer:
    """At the start too: a stack that slept for weeks needs this week's partition before its first message."""
    retention = Retention(resources.database)
    retention.show()
    return Timer("retention", PURGE_SECONDS, retention.run, at_start=True)


def _sealing_of(resources: Resources) -> Timer:
    sealer = Sealer(resources.database)
    sealer.show()
    return Timer("seal_audit", SEAL_SECONDS, sealer.run)


def _audit_retention_of(resources: Resources) -> Timer:
    kept = AuditRetention(resources.database, resources.settings.audit_kept_days)
    return Timer("audit_retention", PURGE_SECONDS, kept.run)


def _bound(
    run: Callable[[asyncio.Event], Awaitable[None]], stopping: asyncio.Event
) -> Callable[[], Awaitable[None]]:
    return lambda: run(stopping)


@dataclass(frozen=True)
class _TimerLoop:
    timer: Timer

    async def run(self, stopping: asyncio.Event) -> None:
        if self.timer.at_start:
            await self._run_once()
        while not await _stopped_within(stopping, self.timer.seconds * random.uniform(0.9, 1.1)):  # noqa: S311 - jitter is no secret
            await self._run_once()

    async def _run_once(self) -> None:
        try:
            await self.timer.run()
        except Exception:  # the next tick tries again: a timer outlives any failure
            log.exception("timer_failed", timer=self.timer.name)


async def _restarted(
    name: str, loop: Callable[[], Awaitable[None]], stopping: asyncio.Event
) -> None:
    pause = 0.1
    while not stopping.is_set():
        try:
            await loop()
        except Exception:  # whatever stopped the loop, the service goes on working
            log.exception("worker_loop_failed", loop=name, restart_in_seconds=pause)
        await _stopped_within(stopping, pause)
        pause = min(pause * 2, LONGEST_RESTART_PAUSE_SECONDS)


async def _stopped_within(stopping: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return False
    return True
