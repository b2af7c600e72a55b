import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from libs.observability.metrics import configure_metrics, render_metrics
from libs.runtime.resources import Resources, open_resources
from libs.runtime.worker import Timer, WorkerPlan, running_worker
from libs.testing.plugin import SettingsFor
from libs.testing.waiting import eventually


@pytest.fixture
async def resources(settings_for: SettingsFor) -> AsyncIterator[Resources]:
    async with open_resources(settings_for("user", drain_seconds=1)) as opened:
        yield opened


def counting(fail: Callable[[int], bool] = lambda _: False) -> tuple[list[int], Timer]:
    calls: list[int] = []

    async def tick() -> None:
        calls.append(len(calls))
        if fail(len(calls)):
            raise RuntimeError("on purpose")

    return calls, Timer("counting", 0.01, tick)


async def test_a_timer_goes_on_after_a_failure(resources: Resources) -> None:
    calls, timer = counting(fail=lambda number: number <= 2)
    async with running_worker(resources, WorkerPlan(timers=[timer])):
        await eventually(lambda: len(calls) >= 5)


async def test_everything_stops_when_the_block_ends(resources: Resources) -> None:
    calls, timer = counting()
    async with running_worker(resources, WorkerPlan(timers=[timer])):
        await eventually(lambda: bool(calls))
    seen = len(calls)
    assert resources.stopping.is_set()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("timer:")]
    assert len(calls) == seen


async def test_a_loop_that_does_not_end_in_time_is_cancelled(resources: Resources) -> None:
    cancelled = asyncio.Event()
    started = asyncio.Event()

    async def stuck() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with running_worker(resources, WorkerPlan(timers=[Timer("stuck", 0.01, stuck)])):
        await started.wait()
    assert cancelled.is_set()


async def test_a_worker_waits_for_a_broker_that_is_away(resources: Resources) -> None:
    # The settings lead to a port where nobody listens; the loops must neither die nor spin.
    async with running_worker(resources, WorkerPlan()):
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert {"relay", "consumer:user-inbox"} <= names


async def test_an_open_process_shows_how_full_its_pool_is(resources: Resources) -> None:
    configure_metrics("test", "us-east-1", None)
    used = 'db_client_connection_count{db_client_connection_state="used"} 0.0'
    shown = render_metrics()[0].decode().splitlines()
    assert used in shown
    assert f"db_client_connection_max {float(resources.settings.database_pool_size)}" in shown
