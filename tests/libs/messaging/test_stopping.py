"""SIGTERM during a long poll: what the broker hands out afterwards goes back to it."""

import asyncio
import random
from collections import Counter

import pytest
from sqlalchemy import text

from libs.database.session import Database
from libs.messaging.broker import AwsBroker
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import event
from tests.libs.messaging.workers import APPLIED, Place, stop, worker

BATCH = 5


@pytest.fixture
async def place(
    database: Database, scratch_database_url: str, aws: AwsBroker, aws_endpoint_url: str
) -> Place:
    async with database.transaction() as session:
        await session.execute(text(APPLIED))
    return Place(scratch_database_url, aws_endpoint_url, aws.prefix, wait_seconds=5)


async def test_a_worker_told_to_stop_during_a_long_poll_leaves_no_message_invisible(
    database: Database, place: Place, aws: AwsBroker
) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    chance = random.Random(seed)  # noqa: S311 - see above
    queue = place.queue("cart").name
    sent: list[str] = []

    async def send(count: int) -> None:
        new = [f"ord_{len(sent) + n}" for n in range(count)]
        sent.extend(new)
        await aws.publish(f"queue:{queue}", [event(order_id) for order_id in new])

    async def applied() -> Counter[str]:
        async with database.transaction() as session:
            return Counter(await session.scalars(text("SELECT order_id FROM applied")))

    async def all_applied() -> bool:
        return len(await applied()) == len(sent)

    async def stopped_while_messages_come() -> None:
        with worker(place, "cart") as process:
            await send(1)
            await eventually(all_applied, timeout=60)  # from now on it polls
            stopping = asyncio.create_task(asyncio.to_thread(stop, process))
            await asyncio.sleep(chance.uniform(0, 0.05))  # before, at and after the signal
            await send(BATCH)
            assert await stopping == 0

    for _ in range(trials(4, 50)):
        await stopped_while_messages_come()
        name = "ApproximateNumberOfMessagesNotVisible"
        answer = await aws.sqs.get_queue_attributes(
            QueueUrl=await aws.queue_url(queue), AttributeNames=[name]
        )
        assert answer["Attributes"][name] == "0", f"seed {seed}"
    with worker(place, "cart"):
        await eventually(all_applied, timeout=60)
    assert await applied() == Counter(sent)
