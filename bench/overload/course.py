"""Three bad days: three times the orders, three times the visitors, and those while people buy."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import httpx

from bench.customers import (
    Basket,
    fill_many,
    open_client,
    product_id_of,
    register_many,
    stock_up,
)
from bench.overload.arrivals import Clients, Orders, Reads, Tally, arrive, saturate
from bench.stack import Site, running_stack, until_up
from bench.wire import request_bytes
from local.progress import Progress

TIMES: Final = 3.0
LONGEST_RECOVERY_SECONDS: Final = 60.0

_SKUS: Final = 50
_READERS: Final = 32
_CALM_FACTOR: Final = 2.0
_CALM_IN_A_ROW: Final = 5


@dataclass(frozen=True)
class Extent:
    """How much of everything: seconds, and baskets to order."""

    peak_seconds: float
    load_seconds: float
    baskets: int


@dataclass
class Overload:
    """What was seen."""

    load_before: float = 0.0
    seconds: float = 0.0
    order_peak: Tally = field(default_factory=Tally)
    orders: Tally = field(default_factory=Tally)
    order_recovery: float | None = None
    alone_peak: Tally = field(default_factory=Tally)
    alone: Tally = field(default_factory=Tally)
    read_peak: Tally = field(default_factory=Tally)
    reads: Tally = field(default_factory=Tally)
    orders_beside: Tally = field(default_factory=Tally)
    orders_beside_peak: Tally = field(default_factory=Tally)
    read_recovery: float | None = None


@dataclass(frozen=True)
class Course:
    """One run on a stack of its own; fills `results`."""

    site: Site
    extent: Extent
    progress: Progress
    results: Overload

    async def run(self) -> None:
        """Measure everything and leave nothing running."""
        async with running_stack(self.site), open_client(self.site) as http:
            async with self.progress.step("starting a stack"):
                await until_up(self.site)
            clients = Clients(self.site.url("gateway"))
            try:
                await self._measured(http, clients)
            finally:
                clients.close()
            self.progress.say("stopping the stack")

    async def _measured(self, http: httpx.AsyncClient, clients: Clients) -> None:
        async with self.progress.step(f"{self.extent.baskets} baskets"):
            skus = await stock_up(self.site, http, _SKUS)
            baskets = await _baskets(http, self.extent.baskets, skus)
            orders = Orders(clients, deque(baskets))
            reads = Reads(clients, await self._read_request(http))
        # Statements, plans and connections as a shop has that was open before.
        await saturate(orders.send, at_a_time=4, seconds=2.0)
        await saturate(reads.send, at_a_time=8, seconds=1.0)
        await self._too_many_orders(orders)
        await self._fill_up(http, skus, orders)
        await self._only_visitors(reads)
        await self._too_many_visitors(orders, reads)

    async def _too_many_orders(self, orders: Orders) -> None:
        extent, results = self.extent, self.results
        async with self.progress.step("the most orders that can be placed"):
            calm = await saturate(orders.send, at_a_time=1, seconds=3.0)
            results.order_peak = await saturate(
                orders.send, at_a_time=8, seconds=extent.peak_seconds
            )
        rate = TIMES * results.order_peak.per_second
        async with self.progress.step(f"{rate:.0f} orders per second, {TIMES:g} times that"):
            results.orders = await arrive(orders.send, per_second=rate, seconds=extent.load_seconds)
        async with self.progress.step("until orders are quick again"):
            results.order_recovery = await _recovery(orders, _usual(calm))

    async def _only_visitors(self, reads: Reads) -> None:
        extent, results = self.extent, self.results
        async with self.progress.step("the most pages that can be read"):
            results.alone_peak = await saturate(
                reads.send, at_a_time=_READERS, seconds=extent.peak_seconds
            )
        rate = TIMES * results.alone_peak.per_second
        async with self.progress.step(f"{rate:.0f} pages per second, {TIMES:g} times that"):
            results.alone = await arrive(reads.send, per_second=rate, seconds=extent.load_seconds)

    async def _too_many_visitors(self, orders: Orders, reads: Reads) -> None:
        extent, results = self.extent, self.results
        buying = results.order_peak.per_second / 2
        async with self.progress.step("the most pages that can be read while people buy"):
            results.read_peak, results.orders_beside_peak = await asyncio.gather(
                saturate(reads.send, at_a_time=_READERS, seconds=extent.peak_seconds),
                arrive(orders.send, per_second=buying, seconds=extent.peak_seconds),
            )
        rate = TIMES * results.read_peak.per_second
        async with self.progress.step(f"{rate:.0f} pages per second, {TIMES:g} times that"):
            results.reads, results.orders_beside = await asyncio.gather(
                arrive(reads.send, per_second=rate, seconds=extent.load_seconds),
                arrive(orders.send, per_second=buying, seconds=extent.load_seconds),
            )
        async with self.progress.step("until orders are quick again"):
            results.read_recovery = await _recovery(orders, _usual(results.orders_beside_peak))

    async def _fill_up(self, http: httpx.AsyncClient, skus: list[str], orders: Orders) -> None:
        async with self.progress.step("more baskets"):
            missing = max(0, self.extent.baskets - len(orders.baskets))
            orders.baskets.extend(await _baskets(http, missing, skus))

    async def _read_request(self, http: httpx.AsyncClient) -> bytes:
        product_id = await product_id_of(http)
        return request_bytes("GET", f"{self.site.url('gateway')}/v1/products/{product_id}")


async def _baskets(http: httpx.AsyncClient, count: int, skus: list[str]) -> list[Basket]:
    """Fill a basket for each of so many new customers: nobody has two."""
    return await fill_many(http, await register_many(http, count), skus)


def _usual(tally: Tally) -> float:
    ranked = sorted(tally.good)
    return ranked[len(ranked) // 2] if ranked else 1.0


async def _recovery(orders: Orders, usual: float) -> float | None:
    """Return the seconds until several orders in a row were placed in about the usual time; None if they never were."""
    began = time.perf_counter()
    calm, first = 0, 0.0
    while time.perf_counter() - began < LONGEST_RECOVERY_SECONDS:
        tally = Tally()
        sent = time.perf_counter()
        await orders.send(tally)
        quick = bool(tally.good) and tally.good[0] <= _CALM_FACTOR * usual
        calm = calm + 1 if quick else 0
        if calm == 1:
            first = sent - began
        if calm == _CALM_IN_A_ROW:
            return first
        await asyncio.sleep(0.1)
    return None
