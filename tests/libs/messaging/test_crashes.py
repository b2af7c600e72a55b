import asyncio
import random
import sys
from collections.abc import Awaitable, Callable

from sqlalchemy import func, select

from libs.contracts.order import OrderPlaced
from libs.database.session import Database
from libs.messaging.broker import AwsBroker
from libs.messaging.envelope import Envelope
from libs.messaging.routing import Routing
from libs.messaging.tables import outbox_messages
from libs.testing.waiting import eventually
from tests.libs.messaging.conftest import placed

Add = Callable[..., Awaitable[list[str]]]

CART = Routing.load().event_queues["cart"]
KILLS = 3


async def test_every_committed_message_arrives_however_often_the_relay_is_killed(
    database: Database,
    scratch_database_url: str,
    aws: AwsBroker,
    aws_endpoint_url: str,
    add: Add,
) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    chance = random.Random(seed)  # noqa: S311 - see above

    async def published() -> int:
        async with database.transaction() as session:
            count = await session.scalar(
                select(func.count()).where(outbox_messages.c.published_at.is_not(None))
            )
        return count or 0

    committed: set[str] = set()
    for turn in range(KILLS + 1):
        relay = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.libs.messaging.relay_process"),
            *(scratch_database_url, aws_endpoint_url, aws.prefix),
        )
        try:
            for n in range(20):
                committed.update(await add(*(placed(f"ord_{turn}_{n}_{m}") for m in range(5))))
            # Somewhere in the middle of the work, the last time at its end.
            enough = len(committed) if turn == KILLS else chance.randrange(1, len(committed))

            async def reached(enough: int = enough) -> bool:
                return await published() >= enough

            await eventually(reached, timeout=30, message=f"seed {seed}")
        finally:
            relay.kill()
            await relay.wait()

    received: set[str] = set()
    while deliveries := await aws.receive(
        CART.name, limit=10, wait_seconds=1, visibility_seconds=60
    ):
        for delivery in deliveries:
            envelope = Envelope.from_json(delivery.body)
            assert isinstance(envelope.message(), OrderPlaced)
            received.add(envelope.id)
    assert received == committed, f"seed {seed}"
