"""A worker that stood still past its visibility wakes up beside the one that took over: the effect stays single."""

import asyncio
import random
from collections import Counter
from multiprocessing.process import BaseProcess

import pytest
from sqlalchemy import func, select, text

from libs.contracts.message import Message
from libs.contracts.payment import CapturePayment
from libs.database.session import Database, Patience
from libs.messaging.broker import AwsBroker
from libs.messaging.relay import Relay
from libs.messaging.tables import inbox_messages
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import OutboxOf, placed, running
from tests.libs.messaging.workers import APPLIED, SENT, Place, freeze, stop, thaw, worker

MESSAGES = 30


@pytest.fixture
async def place(
    database: Database, scratch_database_url: str, aws: AwsBroker, aws_endpoint_url: str
) -> Place:
    async with database.transaction() as session:
        await session.execute(text(APPLIED))
        await session.execute(text(SENT))
    return Place(
        scratch_database_url,
        aws_endpoint_url,
        aws.prefix,
        visibility_seconds=2,
        # A frozen worker keeps its rows locked for no longer than this.
        patience=Patience(connection=20, lock=20, statement=20, idle_in_transaction=2),
    )


class Work:
    """Messages for one queue, and what became of them."""

    def __init__(self, database: Database, outbox_of: OutboxOf, kind: str) -> None:
        self._database = database
        self._outbox_of = outbox_of
        self._kind = kind
        self.order_ids: list[str] = []

    async def add(self) -> None:
        async with self._database.transaction() as session:
            for _ in range(MESSAGES):
                self.order_ids.append(f"ord_{len(self.order_ids)}")
                await self._outbox_of(session).add(self._message(), aggregate_version=1)

    async def until_recorded(self, count: int) -> None:
        async def recorded() -> bool:
            async with self._database.transaction() as session:
                rows = await session.scalar(select(func.count()).select_from(inbox_messages))
            return (rows or 0) >= count

        await eventually(recorded, timeout=180)

    async def effects(self) -> Counter[str]:
        async with self._database.transaction() as session:
            return Counter(await session.scalars(text("SELECT order_id FROM applied")))

    def _message(self) -> Message:
        order_id = self.order_ids[-1]
        return placed(order_id) if self._kind == "cart" else CapturePayment(order_id=order_id)


async def let_another_take_over(
    work: Work, place: Place, kind: str, sleeper: BaseProcess, moment: int
) -> None:
    """Freeze a worker in the middle, let another finish, wake the first and let it come to its end."""
    await work.until_recorded(moment)
    freeze(sleeper)
    with worker(place, kind):
        await work.until_recorded(len(work.order_ids))
        thaw(sleeper)
        assert await asyncio.to_thread(stop, sleeper) == 0


@pytest.mark.parametrize("kind", ["cart", "payment"])
async def test_a_worker_that_slept_through_its_visibility_changes_nothing_when_it_wakes(
    database: Database, place: Place, aws: AwsBroker, outbox_of: OutboxOf, kind: str
) -> None:
    """`cart` handles inside the inbox's transaction, `payment` calls the outside with none open."""
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    chance = random.Random(seed)  # noqa: S311 - see above
    work = Work(database, outbox_of, kind)
    async with running(Relay(database, aws, asyncio.Event())):
        for _ in range(trials(2, 50)):
            moment = len(work.order_ids) + chance.randrange(1, MESSAGES // 2)
            with worker(place, kind) as sleeper:
                await work.add()
                await let_another_take_over(work, place, kind, sleeper, moment)
            assert await work.effects() == Counter(work.order_ids), f"seed {seed}"
