"""Placing orders: as many at a time as are asked for, or at a fixed rate whatever comes back."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Final

import asyncpg

from bench.customers import Basket
from bench.reads import WrongAnswers
from bench.stack import Site
from bench.wire import Connection
from libs.clock import utc_now

SETTLE_SECONDS: Final = 60.0

_PROGRESS: Final = """
SELECT count(*) FILTER (WHERE o.order_status = 'confirmed' AND o.payment_status = 'captured') AS settled,
       max(t.at) FILTER (WHERE t.axis = 'order' AND t.to_status = 'confirmed') AS last_confirmed,
       max(t.at) AS last_step
FROM shop_order.orders AS o JOIN shop_order.order_timeline AS t ON t.order_id = o.id
    AND t.to_status IN ('confirmed', 'captured')
WHERE o.id = ANY($1::text[]) AND t.axis IN ('order', 'payment')
"""
_FULL_CARTS: Final = "SELECT count(*) FROM shop_cart.cart_lines WHERE cart_id = ANY($1::text[])"


@dataclass(frozen=True)
class Placed:
    """Orders the shop accepted.

    Attributes:
        since: the time of the first request.
        seconds: from the first request to the last answer.
        latencies: seconds of each accepted request.
        cart_ids: the carts they came from.
        refused: how many requests got another answer, by status.
    """

    since: datetime
    seconds: float
    order_ids: list[str]
    latencies: list[float]
    cart_ids: list[str] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        """Accepted orders per second."""
        return len(self.order_ids) / self.seconds


@dataclass(frozen=True)
class Settled:
    """Seconds from the first request until the last order was confirmed, and until the last one was paid."""

    confirmed: float
    captured: float


async def place_together(site: Site, baskets: Sequence[Basket], *, at_a_time: int) -> Placed:
    """Place every order once, `at_a_time` in flight."""
    gateway = site.url("gateway")
    waiting = [(basket, basket.request(gateway)) for basket in baskets]
    run = _Run()
    opened = [await Connection.open(gateway) for _ in range(at_a_time)]

    async def work(connection: Connection) -> None:
        while waiting:
            await run.place(connection, *waiting.pop())

    try:
        async with asyncio.TaskGroup() as together:
            for connection in opened:
                together.create_task(work(connection))
    finally:
        for connection in opened:
            connection.close()
    return run.result()


async def place_at_rate(site: Site, baskets: Sequence[Basket], *, per_second: float) -> Placed:
    """Place every order at its time, without waiting for the answers of those before."""
    gateway = site.url("gateway")
    requests = [(basket, basket.request(gateway)) for basket in baskets]
    run, idle = _Run(), list[Connection]()

    async def place(basket: Basket, request: bytes) -> None:
        connection = idle.pop() if idle else await Connection.open(gateway)
        await run.place(connection, basket, request)
        idle.append(connection)

    try:
        async with asyncio.TaskGroup() as together:
            for number, (basket, request) in enumerate(requests):
                await asyncio.sleep(run.began + number / per_second - time.perf_counter())
                together.create_task(place(basket, request))
    finally:
        for connection in idle:
            connection.close()
    return run.result()


class _Run:
    def __init__(self) -> None:
        self.began = time.perf_counter()
        self._placed = Placed(utc_now(), 0.0, [], [])
        self._refusal = b""

    async def place(self, connection: Connection, basket: Basket, request: bytes) -> None:
        sent = time.perf_counter()
        answer = await connection.exchange(request)
        if answer.status != HTTPStatus.ACCEPTED:
            self._placed.refused[answer.status] += 1
            self._refusal = answer.body
            return
        self._placed.latencies.append(time.perf_counter() - sent)
        self._placed.order_ids.append(answer.headers["location"].rpartition("/")[2])
        self._placed.cart_ids.append(basket.cart_id)

    def result(self) -> Placed:
        """Return what was placed; an overloaded shop may refuse some, but not most."""
        placed = replace(self._placed, seconds=time.perf_counter() - self.began)
        if placed.refused.total() > len(placed.order_ids):
            raise WrongAnswers(f"orders were refused: {placed.refused}, {self._refusal[:300]!r}")
        return placed


async def until_settled(connection: asyncpg.Connection, placed: Placed) -> Settled:
    """Wait until every order is confirmed and paid and its cart is empty again.

    Raises:
        WrongAnswers: some order did not get there in time.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        row = await connection.fetchrow(_PROGRESS, placed.order_ids)
        # Each settled order has its two steps in the join.
        settled = row["settled"] // 2 == len(placed.order_ids)
        if settled and not await connection.fetchval(_FULL_CARTS, placed.cart_ids):
            return Settled(
                confirmed=(row["last_confirmed"] - placed.since).total_seconds(),
                captured=(row["last_step"] - placed.since).total_seconds(),
            )
        if time.monotonic() > deadline:
            missing = len(placed.order_ids) - row["settled"] // 2
            raise WrongAnswers(f"{missing} orders were not settled after {SETTLE_SECONDS:.0f} s")
        await asyncio.sleep(0.1)
