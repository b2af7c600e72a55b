"""Relays and consumers are killed at random while events are written: nothing is lost, nothing acts twice."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from math import ceil

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import Database
from libs.messaging.broker import AwsBroker
from libs.messaging.outbox import Outbox
from libs.messaging.routing import Routing, Subscription
from libs.messaging.topology import declare
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from tests.libs.messaging.conftest import placed
from tests.libs.messaging.workers import APPLIED, Place, end, start

OutboxOf = Callable[[AsyncSession], Outbox]

SUBSCRIBERS = ("cart", "user")
EVENTS = trials(600, 10_000)
KILLS = trials(10, 200)
VERSIONS = 5
TURNS = ceil(EVENTS / VERSIONS / KILLS) * 2
"""Transactions between two kills; twice what is needed, because some are rolled back."""


class Rolled(Exception):
    """Undoes a transaction, as a failing request would."""


@pytest.fixture
async def place(
    database: Database, scratch_database_url: str, aws: AwsBroker, aws_endpoint_url: str
) -> Place:
    """Two services subscribe to an order's placing; what they do with it is in the table `applied`."""
    async with database.transaction() as session:
        await session.execute(text(APPLIED))
    routing = Routing.load()
    subscriptions = tuple(
        Subscription(publisher="order", consumer=name, kind="process", types=("order.placed.v1",))
        for name in SUBSCRIBERS
    )
    await declare(aws, routing.model_copy(update={"subscriptions": subscriptions}))
    return Place(scratch_database_url, aws_endpoint_url, aws.prefix, visibility_seconds=10)


class Storm:
    """Writes and kills beside each other, so that both last equally long."""

    def __init__(self, database: Database, place: Place, seed: int) -> None:
        self.committed: set[tuple[str, int]] = set()
        self._database = database
        self._place = place
        self._write, self._kill = random.Random(seed), random.Random(seed + 1)  # noqa: S311 - to repeat a failure
        self._turns = asyncio.Semaphore(TURNS)

    async def write(self, outbox_of: OutboxOf) -> None:
        """Commit events, some versions of an order per transaction, and roll one transaction in ten back."""
        number = 0
        while len(self.committed) < EVENTS:
            number += 1
            await self._turns.acquire()
            fails = self._write.random() < 0.1
            with suppress(Rolled):
                events = await self._write_order(outbox_of, f"ord_{number}", fails=fails)
                self.committed.update(events)

    async def _write_order(
        self, outbox_of: OutboxOf, order_id: str, *, fails: bool
    ) -> list[tuple[str, int]]:
        async with self._database.transaction() as session:
            outbox = outbox_of(session)
            for version in range(1, VERSIONS + 1):
                await outbox.add(placed(order_id), aggregate_version=version)
            if fails:
                raise Rolled
        return [(order_id, version) for version in range(1, VERSIONS + 1)]

    async def kill(self) -> ExitStack:
        """Kill workers one after the other, each time with the next at once; return the last ones alive."""
        kinds = ["relay", "relay", *SUBSCRIBERS]
        alive = [start(self._place, kind) for kind in kinds]
        for _ in range(KILLS):
            await asyncio.sleep(self._kill.uniform(0.1, 0.8))
            victim = self._kill.randrange(len(alive))
            await asyncio.to_thread(end, alive[victim])
            alive[victim] = start(self._place, kinds[victim])
            for _ in range(TURNS):
                self._turns.release()
        last = ExitStack()
        for process in alive:
            last.callback(end, process)
        return last


async def applied(database: Database) -> Counter[tuple[str, str, int]]:
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT consumer, order_id, version FROM applied"))
        return Counter((row.consumer, row.order_id, row.version) for row in rows)


async def test_however_often_relays_and_consumers_are_killed_every_event_acts_once(
    database: Database, place: Place, outbox_of: OutboxOf
) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    storm = Storm(database, place, seed)
    _, last = await asyncio.gather(storm.write(outbox_of), storm.kill())
    with last:
        expected = {(name, *event) for name in SUBSCRIBERS for event in storm.committed}

        async def all_applied() -> bool:
            return len(await applied(database)) >= len(expected)

        await eventually(
            all_applied, timeout=trials(120, 900), message=f"seed {seed}: some are lost"
        )
    effects = await applied(database)
    assert set(effects) == expected, f"seed {seed}: rolled back, but told"
    assert set(effects.values()) == {1}, f"seed {seed}: applied twice"
