"""The order in which things are measured, all on one stack that is started twice."""

import asyncio
from dataclasses import dataclass
from typing import Final

import asyncpg
import httpx

from bench.backlog import measure_backlog
from bench.customers import Basket, Customer, fill_many, open_client, register_many, stock_up
from bench.hot import SINGLE, SPREAD, HotRun, HotSku, sync_seconds
from bench.lag import remember_commit_times, until_quiet
from bench.orders import Placed, Settled, place_at_rate, place_together, until_settled
from bench.pgbench import Yardstick
from bench.reads import CONNECTIONS, measure_reads
from bench.report import Results, Round
from bench.stack import Site, running_stack, until_up
from bench.startup import first_order, idle_usage
from libs.clock import utc_now
from local.progress import Progress

AT_A_TIME: Final = 8
ORDERS_PER_SECOND: Final = 5.0

_SKUS: Final = 50
_CALM_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Extent:
    """How much of everything; more takes longer and varies less."""

    read_rounds: int
    read_seconds: float
    customers: int
    order_rounds: int
    yardstick_seconds: int
    hot_rounds: int
    idle_seconds: float
    backlog: int


@dataclass(frozen=True)
class Course:
    """One run from the first start to the last stop; fills `results`."""

    site: Site
    extent: Extent
    progress: Progress
    results: Results

    async def run(self) -> None:
        """Measure everything and leave nothing running."""
        await self._first_start()
        async with running_stack(self.site) as life:
            async with self.progress.step("start with data: first order"):
                self.results.start = await first_order(self.site, life.began)
            await until_up(self.site)
            await self._idle()
            await self._reads()
            await self._backlog()
            await self._orders_and_lag()
            self.results.after_load = await idle_usage(self.site, 1.0)
            self.progress.say("stopping the stack")
        self.results.stop_seconds = life.stop_seconds

    async def _first_start(self) -> None:
        async with (
            self.progress.step("very first start: first order"),
            running_stack(self.site) as life,
        ):
            self.results.first_start = await first_order(self.site, life.began)
            await until_up(self.site)
            connection = await self.site.connect()
            await remember_commit_times(connection)
            await connection.close()

    async def _idle(self) -> None:
        seconds = self.extent.idle_seconds
        async with self.progress.step(f"memory, and CPU while idle for {seconds:.0f} s"):
            await asyncio.sleep(_CALM_SECONDS)
            self.results.idle = await idle_usage(self.site, seconds)
            self.results.idle_seconds = seconds

    async def _reads(self) -> None:
        rounds = self.extent.read_rounds
        async with self.progress.step(f"reading a product, {rounds} rounds"):
            self.results.reads = await measure_reads(
                self.site, rounds=rounds, seconds=self.extent.read_seconds
            )
            self.results.read_connections = CONNECTIONS

    async def _backlog(self) -> None:
        count = self.extent.backlog
        async with self.progress.step(f"a backlog of {count} messages"):
            self.results.backlog = await measure_backlog(self.site, count=count)

    async def _orders_and_lag(self) -> None:
        connection = await self.site.connect()
        try:
            self.results.postgres = str(await connection.fetchval("SHOW server_version"))
            async with open_client(self.site) as http:
                crowd = await self._crowd(http, connection)
                await self._orders(crowd)
                await self._lag(crowd)
                await self._hot()
        finally:
            await connection.close()

    async def _crowd(self, http: httpx.AsyncClient, connection: asyncpg.Connection) -> "_Crowd":
        count = self.extent.customers
        async with self.progress.step(f"{count} customers, stock, and a copy of the database"):
            skus = await stock_up(self.site, http, _SKUS)
            customers = await register_many(http, count)
            await Yardstick(self.site).prepare()
            crowd = _Crowd(http, connection, customers, skus)
            # Compiled statements, connections and plans, as a shop has that was open before.
            await self._burst(crowd, await crowd.baskets(2 * AT_A_TIME))
        return crowd

    async def _orders(self, crowd: "_Crowd") -> None:
        rounds, yardstick = self.extent.order_rounds, Yardstick(self.site)
        self.results.order_clients = AT_A_TIME
        measured = []
        for number in range(1, rounds + 1):
            async with self.progress.step(f"placing orders, round {number} of {rounds}"):
                placed, settled = await self._burst(crowd, await crowd.baskets())
                tps = await yardstick.orders_per_second(
                    run=number, clients=AT_A_TIME, seconds=self.extent.yardstick_seconds
                )
                measured.append(Round(placed, settled, tps))
        self.results.orders = measured

    async def _burst(self, crowd: "_Crowd", baskets: list[Basket]) -> tuple[Placed, Settled]:
        placed = await place_together(self.site, baskets, at_a_time=AT_A_TIME)
        return placed, await until_settled(crowd.connection, placed)

    async def _lag(self, crowd: "_Crowd") -> None:
        async with self.progress.step(f"event lag at {ORDERS_PER_SECOND:g} orders per second"):
            baskets = await crowd.baskets()
            placed = await place_at_rate(self.site, baskets, per_second=ORDERS_PER_SECOND)
            await until_settled(crowd.connection, placed)
            self.results.lags = await until_quiet(crowd.connection, placed.since, utc_now())
            self.results.lag_rate = ORDERS_PER_SECOND
            self.results.lag_refused = placed.refused.total()

    async def _hot(self) -> None:
        hot = HotSku(Yardstick(self.site), self.site.paths.log_of("postgres"))
        await hot.prepare()
        rounds: dict[str, list[HotRun]] = {SINGLE: [], SPREAD: []}
        for number in range(1, self.extent.hot_rounds + 1):
            async with self.progress.step(
                f"one hot SKU, round {number} of {self.extent.hot_rounds}"
            ):
                for kind, runs in rounds.items():
                    runs.append(
                        await hot.hold(kind, run=number, seconds=self.extent.yardstick_seconds)
                    )
        self.results.hot = rounds
        self.results.syncs = await sync_seconds(self.site.folder)


@dataclass(frozen=True)
class _Crowd:
    """The customers, and what it takes to have them fill their carts again."""

    http: httpx.AsyncClient
    connection: asyncpg.Connection
    customers: list[Customer]
    skus: list[str]

    async def baskets(self, count: int | None = None) -> list[Basket]:
        return await fill_many(self.http, self.customers[:count], self.skus)
