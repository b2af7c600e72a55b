"""Relays and consumers are killed at random while events are written: nothing is lost, nothing acts twice."""

import asyncio
import random
from collections import Counter
from contextlib import ExitStack, suppress
from math import ceil

import pytest
from sqlalchemy import text

from libs.database.session import Database
from libs.messaging.broker import AwsBroker
from libs.messaging.dead_letters import redrive
from libs.messaging.routing import Routing, Subscription
from libs.messaging.topology import declare
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import OutboxOf, placed
from tests.libs.messaging.workers import APPLIED, Place, end, start

SUBSCRIBERS = ("cart", "user")
EVENTS = trials(600, 10_000)
KILLS = trials(10, 200)
VERSIONS = 5
WORKED = {
    "relay": "SELECT count(*) FROM outbox_messages WHERE published_at IS NOT NULL",
    **{name: f"SELECT count(*) FROM applied WHERE consumer = '{name}'" for name in SUBSCRIBERS},  # noqa: S608 - our own names
}
"""How much the workers of a kind have done."""


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
    return Place(scratch_database_url, aws_endpoint_url, aws.prefix, visibility_seconds=5)


class Storm:
    """Writes a share of the events and kills a worker at work, again and again; knows what was committed."""

    def __init__(self, database: Database, place: Place, seed: int) -> None:
        self.committed: set[tuple[str, int]] = set()
        self._database = database
        self._place = place
        self._write, self._kill = random.Random(seed), random.Random(seed + 1)  # noqa: S311 - to repeat a failure
        self._number = 0

    async def rage(self, outbox_of: OutboxOf) -> ExitStack:
        """Kill workers one after the other, each time with the next at once; return the last ones alive."""
        kinds = ["relay", "relay", *SUBSCRIBERS]
        alive = [start(self._place, kind) for kind in kinds]
        for number in range(1, KILLS + 1):
            victim = self._kill.randrange(len(alive))
            done = await self._done(kinds[victim])
            await self._write_until(ceil(EVENTS * number / KILLS), outbox_of)
            await self._until_at_work(kinds[victim], done)
            await asyncio.to_thread(end, alive[victim])
            alive[victim] = start(self._place, kinds[victim])
        last = ExitStack()
        for process in alive:
            last.callback(end, process)
        return last

    async def _write_until(self, count: int, outbox_of: OutboxOf) -> None:
        """Commit events, some versions of an order per transaction, and roll one transaction in ten back."""
        while len(self.committed) < count:
            self._number += 1
            fails = self._write.random() < 0.1
            with suppress(Rolled):
                events = await self._write_order(outbox_of, f"ord_{self._number}", fails=fails)
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

    async def _until_at_work(self, kind: str, done: int) -> None:
        """Who is killed before it began, or after it finished, has nothing to lose."""

        async def does_more() -> bool:
            return await self._done(kind) > done

        await eventually(does_more, timeout=60, message=f"no {kind} works")
        await asyncio.sleep(self._kill.uniform(0, 0.05))

    async def _done(self, kind: str) -> int:
        async with self._database.transaction() as session:
            return int(await session.scalar(text(WORKED[kind])) or 0)


async def applied(database: Database) -> Counter[tuple[str, str, int]]:
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT consumer, order_id, version FROM applied"))
        return Counter((row.consumer, row.order_id, row.version) for row in rows)


async def send_dead_letters_back(aws: AwsBroker, place: Place) -> None:
    """Do what an operator does: a message whose reader was killed ten times is no poison, but looks like it."""
    for name in SUBSCRIBERS:
        queue = place.queue(name)
        if await aws.depth(queue.dead_letter):
            await redrive(aws, queue, per_second=1_000)


async def whereabouts(database: Database, aws: AwsBroker, place: Place) -> str:
    """Tell where messages are that were not applied, for who has to find out why."""
    queries = {
        "outbox": "SELECT published_at IS NULL AS waits, count(*) FROM outbox_messages GROUP BY 1",
        "inbox": "SELECT consumer, status, count(*) FROM inbox_messages GROUP BY 1, 2",
        "applied": "SELECT consumer, count(*) FROM applied GROUP BY 1",
    }
    found = []
    async with database.transaction() as session:
        for name, query in queries.items():
            found.append(f"{name} {[tuple(row) for row in await session.execute(text(query))]}")
    for queue in map(place.queue, SUBSCRIBERS):
        depths = [await aws.depth(name) for name in (queue.name, queue.dead_letter)]
        found.append(f"{queue.name}: {depths[0]} visible, {depths[1]} dead")
    return "; ".join(found)


async def until_all_applied(
    database: Database, aws: AwsBroker, place: Place, expected: int
) -> None:
    """Wait for as long as something moves: how fast, a busy machine says."""
    count = 0

    async def more() -> int:
        await send_dead_letters_back(aws, place)
        now = len(await applied(database))
        return now if now > count else 0

    while count < expected:
        try:
            count = await eventually(more, timeout=60, message="some are lost")
        except AssertionError as lost:
            lost.add_note(await whereabouts(database, aws, place))
            raise


async def test_however_often_relays_and_consumers_are_killed_every_event_acts_once(
    database: Database, place: Place, aws: AwsBroker, outbox_of: OutboxOf
) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    storm = Storm(database, place, seed)
    with await storm.rage(outbox_of):
        expected = {(name, *event) for name in SUBSCRIBERS for event in storm.committed}
        await until_all_applied(database, aws, place, len(expected))
    effects = await applied(database)
    assert set(effects) == expected, f"seed {seed}: rolled back, but told"
    assert set(effects.values()) == {1}, f"seed {seed}: applied twice"
