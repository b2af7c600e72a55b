"""Every service is restarted under load, pod by pod as a rolling update does it, and nobody notices."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from libs.testing.scale import trials
from libs.testing.waiting import eventually
from libs.topology import SERVICES
from tests.e2e.cluster import REPLICAS, Cluster, running_cluster
from tests.e2e.draining import draining_in_production
from tests.e2e.provider import captured_by_the_provider
from tests.e2e.shopper import Shopper, settled
from tests.e2e.stack import Stack
from tests.e2e.steady_load import SteadyLoad
from tests.e2e.unfinished import unfinished_messages

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

RESTARTS: Final = trials(1, 10 * REPLICAS)
"""Of each service's pods, one after the other: quickly one pod, fully every pod ten times."""

SIDE_BY_SIDE: Final = trials(6, 3)
"""Services that are rolled at the same time: quickly all of them."""


@pytest.fixture
async def cluster(stack: Stack, tmp_path: Path) -> AsyncIterator[Cluster]:
    with running_cluster(stack, draining_in_production("order"), tmp_path) as running:
        for _ in range(REPLICAS):
            await asyncio.gather(*(running.add(service) for service in SERVICES))
        await eventually(running.is_open, timeout=30)
        yield running


async def test_nobody_notices_that_every_service_is_restarted(cluster: Cluster) -> None:
    limits = httpx.Limits(max_connections=400, max_keepalive_connections=200)
    async with httpx.AsyncClient(
        base_url=cluster.gateway, timeout=60, limits=limits, trust_env=False
    ) as http:
        admin = await Shopper(http).log_in_as(cluster.stack.administrator)
        load = await SteadyLoad.prepare(http, admin)
        await _while_under(load, cluster)
        assert Counter(load.failures) == Counter()
        await _nothing_is_lost(load, cluster)
    assert len(cluster.ended) == RESTARTS * len(SERVICES)
    for pod in cluster.ended:
        assert pod.process.returncode == 0, pod.log()
        assert "Cancel" not in pod.log(), pod.log()


async def _while_under(load: SteadyLoad, cluster: Cluster) -> None:
    stop, some_at_a_time = asyncio.Event(), asyncio.Semaphore(SIDE_BY_SIDE)

    async def roll(service: str) -> None:
        async with some_at_a_time:
            for number in range(RESTARTS):
                await cluster.replace(service)
                if number % REPLICAS == 0:
                    cluster.end_worker(service)

    async with asyncio.TaskGroup() as together:
        together.create_task(load.run(stop))
        try:
            await asyncio.gather(*(roll(service) for service in SERVICES))
        finally:
            stop.set()


async def _nothing_is_lost(load: SteadyLoad, cluster: Cluster) -> None:
    await load.renew_tokens()
    assert load.orders
    for order_id, buyer in load.orders:
        order = await settled(buyer, order_id, 120)
        assert order["status"] == "confirmed"
        assert captured_by_the_provider(cluster.stack, order_id) == [order["total"]["amount_minor"]]

    async def nothing_left() -> bool:
        assert await unfinished_messages(cluster.stack) == []
        return True

    await eventually(nothing_left, timeout=60)
    sold = await load.admin.get(f"/v1/stock-levels/{load.sold}")
    assert (sold["held"], sold["sold"]) == (0, len(load.orders))
    restocked = await load.admin.get(f"/v1/stock-levels/{load.restocked}")
    assert restocked["available"] == 1 + load.received
