"""Two people, or a person and the clock, at one order at the same moment: one of the right outcomes, never both (bar M9)."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from libs.ids import new_id
from libs.testing.scale import trials
from services.order.domain.states import OrderStatus
from services.order.settings import OrderSettings
from tests.order.neighbours import TOTAL, Neighbours
from tests.order.running import Running
from tests.order.world import News

TRIALS = trials(4, 1_000)
MUG = {"sku": "MUG", "quantity": 1}
MUGS = {"sku": "MUG", "quantity": 2}
PARCEL = {"carrier": "DHL", "tracking_number": "1"}
OK = {200, 201}


@pytest.fixture
def neighbours(running: Running) -> Neighbours:
    return Neighbours(running)


@pytest.fixture
def chance() -> random.Random:
    return random.Random(9)  # noqa: S311 - the moments of requests, not secrets


async def paid(neighbours: Neighbours) -> str:
    (order_id,) = await neighbours.place(1)
    await neighbours.running.sweep()
    while await neighbours.answer():
        continue
    return order_id


async def at_once(
    chance: random.Random, spread_seconds: float, *actions: Callable[[], Awaitable[Any]]
) -> list[Any]:
    """Start every action within the spread of the others; the waiting is the race itself."""

    async def start(action: Callable[[], Awaitable[Any]], after: float) -> Any:
        await asyncio.sleep(after)
        return await action()

    moments = [chance.uniform(0, spread_seconds) for _ in actions]
    return await asyncio.gather(
        *(start(one, after) for one, after in zip(actions, moments, strict=True))
    )


def post(
    running: Running, order_id: str, what: str, **body: object
) -> Callable[[], Awaitable[int]]:
    headers = running.headers(admin=True) | {"Idempotency-Key": new_id("key")}
    if what == "shipments":
        headers["If-Match"] = '"v4"'  # as it was when both looked at the order
        body = PARCEL | body

    async def send() -> int:
        path = f"/v1/orders/{order_id}/{what}"
        response = await running.http.post(path, json=body, headers=headers)
        assert response.status_code in OK | {409, 412}, response.text
        return response.status_code

    return send


async def test_an_order_is_cancelled_or_shipped(
    running: Running, neighbours: Neighbours, chance: random.Random
) -> None:
    for _ in range(TRIALS):
        order_id = await paid(neighbours)
        cancelled, shipped = await at_once(
            chance,
            0.01,
            post(running, order_id, "cancel"),
            post(running, order_id, "shipments"),
        )
        assert (cancelled in OK) != (shipped in OK), (cancelled, shipped)
        await neighbours.settle()
        outcome = await neighbours.check(order_id)
        assert outcome == (OrderStatus.CANCELLED if cancelled in OK else OrderStatus.CONFIRMED)
        parcels = (await running.get(order_id))["shipments"]
        assert len(parcels) == (shipped in OK)


async def test_a_piece_is_cancelled_or_shipped(
    running: Running, neighbours: Neighbours, chance: random.Random
) -> None:
    for _ in range(TRIALS):
        order_id = await paid(neighbours)
        cancelled, shipped = await at_once(
            chance,
            0.01,
            post(running, order_id, "cancel", lines=[MUGS]),
            post(running, order_id, "shipments", lines=[MUG]),
        )
        assert (cancelled in OK) != (shipped in OK), (cancelled, shipped)
        await neighbours.settle()
        assert await neighbours.check(order_id) == OrderStatus.CONFIRMED
        back = neighbours.stocks[order_id].back["MUG"]
        assert back == (2 if cancelled in OK else 0)
        assert neighbours.payments[order_id].refunded == (3_218 if cancelled in OK else 0)


async def test_a_piece_is_cancelled_once(
    running: Running, neighbours: Neighbours, chance: random.Random
) -> None:
    for _ in range(TRIALS):
        order_id = await paid(neighbours)
        results = await at_once(
            chance,
            0.01,
            post(running, order_id, "cancel", lines=[MUGS]),
            post(running, order_id, "cancel", lines=[MUG]),
        )
        assert sum(status in OK for status in results) == 1, results
        await neighbours.settle()
        assert await neighbours.check(order_id) == OrderStatus.CONFIRMED
        refunded = 3_218 if results[0] in OK else 1_609
        assert neighbours.payments[order_id].refunded == refunded


async def test_money_goes_back_once_whether_by_cancellation_or_refund(
    running: Running, neighbours: Neighbours, chance: random.Random
) -> None:
    for _ in range(TRIALS):
        order_id = await paid(neighbours)
        cancelled, refunded = await at_once(
            chance,
            0.01,
            post(running, order_id, "cancel"),
            post(running, order_id, "refunds"),
        )
        # A refund leaves the order to be cancelled, a cancellation leaves nothing to refund.
        assert cancelled in OK
        assert refunded in {201, 409}
        await neighbours.settle()
        assert await neighbours.check(order_id) == OrderStatus.CANCELLED
        assert neighbours.payments[order_id].refunded == TOTAL


@pytest.mark.parametrize("late", ["payment.authorized.v1", "stock.committed.v1"])
async def test_an_order_that_is_paid_the_moment_it_expires_has_its_goods_or_its_money(
    running: Running, neighbours: Neighbours, chance: random.Random, late: str
) -> None:
    """The deadline, the sweep and the news fall within 50 ms of each other, in any order."""
    patience = running.resources.settings_as(OrderSettings).pending_timeout_seconds
    seen: Counter[OrderStatus] = Counter()
    for _ in range(TRIALS):
        (order_id,) = await neighbours.place(1)
        payment, stock = neighbours.payments[order_id], neighbours.stocks[order_id]
        (news,) = payment.become("authorized")
        if late == "stock.committed.v1":
            await neighbours.tell(order_id, news)
            stock.state = "committed"
            news = News(late)
        await neighbours.ignore()  # what was asked so far is what these news answer
        await running.sql(
            "UPDATE orders SET next_check_at = now(),"
            " created_at = now() - make_interval(secs => :age) WHERE id = :id",
            age=patience - 0.05,
            id=order_id,
        )
        await at_once(
            chance,
            0.1,
            running.sweep,
            partial(neighbours.tell, order_id, news),
        )
        await neighbours.settle()
        seen[await neighbours.check(order_id)] += 1
    assert set(seen) <= {OrderStatus.CONFIRMED, OrderStatus.FAILED}, seen
