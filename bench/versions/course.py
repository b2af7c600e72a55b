"""Two stacks at once, one of each version, buying in turns."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import httpx

from bench.customers import Customer, fill_many, open_client, register_many, stock_up
from bench.orders import Placed, Settled, place_together, until_settled
from bench.stack import Site, running_stack, until_up
from local.progress import Progress

AT_A_TIME: Final = 8

_SKUS: Final = 50


@dataclass(frozen=True)
class Burst:
    """Orders placed one after the other by eight customers at a time."""

    placed: Placed
    settled: Settled

    @property
    def paid_per_second(self) -> float:
        """Orders per second until the last one was paid."""
        return len(self.placed.order_ids) / self.settled.captured


@dataclass
class Comparison:
    """The bursts of both versions, in turns: the first of one belongs to the first of the other."""

    old: str
    load_before: float
    before: list[Burst] = field(default_factory=list)
    after: list[Burst] = field(default_factory=list)


@dataclass(frozen=True)
class _Shop:
    site: Site
    http: httpx.AsyncClient
    connection: asyncpg.Connection
    customers: list[Customer]
    skus: list[str]

    async def burst(self) -> Burst:
        baskets = await fill_many(self.http, self.customers, self.skus)
        placed = await place_together(self.site, baskets, at_a_time=AT_A_TIME)
        return Burst(placed, await until_settled(self.connection, placed))


async def compare(
    old: Site, new: Site, *, customers: int, rounds: int, progress: Progress, results: Comparison
) -> None:
    """Measure both, first one then the other leading, so that neither profits from its place."""
    async with AsyncExitStack() as open_things:
        async with progress.step("starting both stacks"):
            shops = [await _open(open_things, site, customers) for site in (old, new)]
        # Statements, connections and plans as a shop has that was open before.
        for shop in shops:
            await shop.burst()
        sides = list(zip(shops, (results.before, results.after), strict=True))
        for number in range(rounds):
            async with progress.step(f"placing orders, round {number + 1} of {rounds}"):
                for shop, bursts in sides if number % 2 else reversed(sides):
                    bursts.append(await shop.burst())


async def _open(open_things: AsyncExitStack, site: Site, customers: int) -> _Shop:
    await open_things.enter_async_context(running_stack(site))
    await until_up(site)
    http = await open_things.enter_async_context(open_client(site))
    connection = await site.connect()
    open_things.push_async_callback(connection.close)
    skus = await stock_up(site, http, _SKUS)
    return _Shop(site, http, connection, await register_many(http, customers), skus)
