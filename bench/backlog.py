"""A backlog of messages: how fast it is published while nobody reads, and how fast a consumer works it off.

The relay is that of product's worker, the consumer that of cart's, both as processes of their own; they work on a copy
of the shop's database, which keeps its writes on disk, and on topics and queues of their own.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from bench.pgbench import Yardstick
from bench.stack import Site
from libs.contracts.product import StockChanged
from libs.database.bootstrap import dsn_of_database
from libs.database.session import Database
from libs.messaging.broker import open_broker
from libs.messaging.outbox import Outbox
from libs.messaging.topology import declare
from libs.topology import MASTER_REGION, schema_of
from local.environments import Environments
from local.settings import ROOT

COPY: Final = "backlog"
STEADY_PER_SECOND: Final = 200
STEADY_SECONDS: Final = 5

_PER_TRANSACTION: Final = 20
_LONGEST_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.2

_PUBLISHED: Final = (
    f"SELECT published_at FROM {schema_of('product')}.outbox_messages WHERE id = ANY($1::uuid[])"  # noqa: S608 - our own names
)
_CONSUMED: Final = (
    f"SELECT processed_at FROM {schema_of('cart')}.inbox_messages WHERE event_id = ANY($1::uuid[])"  # noqa: S608 - our own names
)
_LAGS: Final = f"""
SELECT extract(epoch FROM sent.published_at - sent.created_at)::float8 AS published,
    extract(epoch FROM seen.processed_at - sent.created_at)::float8 AS consumed
FROM {schema_of("product")}.outbox_messages AS sent
    JOIN {schema_of("cart")}.inbox_messages AS seen ON seen.event_id = sent.id
WHERE sent.id = ANY($1::uuid[])
"""  # noqa: S608 - our own names


class BacklogStuck(Exception):
    """The messages did not arrive in time."""


@dataclass(frozen=True)
class Backlog:
    """What was measured: rates in messages per second, lags in seconds from the beginning of the writing transaction.

    Attributes:
        published_lags: until the relay's transaction that sent the message began, at the steady rate.
        consumed_lags: until the consumer's transaction that acted on it began, at the steady rate.
    """

    count: int
    published_per_second: float
    consumed_per_second: float
    published_lags: Sequence[float]
    consumed_lags: Sequence[float]


async def measure_backlog(site: Site, *, count: int) -> Backlog:
    """Write, then publish, then consume so many messages; then do all three at a steady rate.

    Raises:
        BacklogStuck: they did not arrive.
    """
    await Yardstick(site).copy(COPY)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(
            open_broker(region=MASTER_REGION, endpoint_url=site.url("ministack"), prefix=COPY)
        )
        await declare(broker)
        writer = _Writer(site)
        stack.push_async_callback(writer.close)
        connection = await site.connect(COPY)
        stack.push_async_callback(connection.close)
        ids = await writer.write(count)
        async with _worker(site, "product"):
            published = await _rate(connection, _PUBLISHED, ids)
            async with _worker(site, "cart"):
                consumed = await _rate(connection, _CONSUMED, ids)
                steady = await _write_steadily(writer)
                await _rate(connection, _CONSUMED, steady)
        lags = await connection.fetch(_LAGS, steady)
    return Backlog(
        count,
        published,
        consumed,
        [row["published"] for row in lags],
        [row["consumed"] for row in lags],
    )


class _Writer:
    """Writes stock changes, each of another SKU, as product does."""

    def __init__(self, site: Site) -> None:
        self._database = Database(_url(site, "product"), application_name="bench-backlog")
        self._number = 0

    async def write(self, count: int) -> list[str]:
        """Write so many messages and return their ids."""
        ids: list[str] = []
        while len(ids) < count:
            async with self._database.transaction() as session:
                outbox = Outbox(session, "product", MASTER_REGION, wake=lambda: None)
                for _ in range(min(_PER_TRANSACTION, count - len(ids))):
                    self._number += 1
                    event = StockChanged(sku=f"BENCH-{self._number}", available=1)
                    ids.append(await outbox.add(event, aggregate_version=1))
        return ids

    async def close(self) -> None:
        await self._database.close()


async def _write_steadily(writer: _Writer) -> list[str]:
    """Write at the steady rate, each transaction at its time however long the one before took."""
    ids: list[str] = []
    began = time.monotonic()
    while len(ids) < STEADY_PER_SECOND * STEADY_SECONDS:
        due = began + len(ids) / STEADY_PER_SECOND
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        ids += await writer.write(2)
    return ids


async def _rate(connection: asyncpg.Connection, query: str, ids: Sequence[str]) -> float:
    """Wait until every message has its time, and return how many got it per second after the first ones."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while True:
        times = [row[0] for row in await connection.fetch(query, ids)]
        if len(times) == len(ids) and None not in times:
            break
        if time.monotonic() > deadline:
            raise BacklogStuck(f"{len(times)} of {len(ids)} messages after {_LONGEST_SECONDS:g} s")
        await asyncio.sleep(_LOOK_SECONDS)
    first, last = min(times), max(times)
    later = sum(1 for moment in times if moment > first)
    seconds = float((last - first).total_seconds())
    return later / max(seconds, 1e-6)


@asynccontextmanager
async def _worker(site: Site, service: str) -> AsyncIterator[None]:
    """Run a service's worker on the copy for the length of the block."""
    overrides = {"DATABASE_URL": _url(site, service), "MESSAGING_PREFIX": COPY}
    environments = Environments(site.settings, site.paths, site.credentials, overrides)
    port = site.settings.worker_port(service)
    with site.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{service}.main", "worker"),
            cwd=ROOT,
            env=environments.service(service, role="worker", port=port),
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def _url(site: Site, service: str) -> str:
    environments = Environments(site.settings, site.paths, site.credentials, {})
    return dsn_of_database(environments.database_url(service, "app"), COPY)
