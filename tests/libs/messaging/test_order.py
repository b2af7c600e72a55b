"""Late commits, several relays and refusing brokers, all at once: nothing is skipped, and versions stay in order."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from typing_extensions import override

from libs.database.session import Database
from libs.messaging import relay as relay_module
from libs.messaging.envelope import Envelope
from libs.messaging.relay import Relay
from libs.messaging.transport import Outgoing
from libs.testing.broker import MemoryBroker
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import OutboxOf, placed, running

Add = Callable[..., Awaitable[list[str]]]


class Moody(MemoryBroker):
    """Takes its time, refuses single messages, and is away now and then."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._mood = random.Random(seed)  # noqa: S311 - moods to repeat

    @override
    async def publish(self, destination: str, messages: Sequence[Outgoing]) -> Mapping[str, str]:
        await asyncio.sleep(self._mood.uniform(0, 0.01))
        if self._mood.random() < 0.1:
            return {message.id: "BrokerError: away" for message in messages}
        refused = {one.id: "Throttled" for one in messages if self._mood.random() < 0.1}
        accepted = [message for message in messages if message.id not in refused]
        return {**refused, **await super().publish(destination, accepted)}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "FIRST_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(relay_module, "LONGEST_RETRY_SECONDS", 0.2)


def sent(broker: MemoryBroker) -> list[tuple[str, int]]:
    envelopes = [Envelope.from_json(message.body) for _, message in broker.published]
    return [(one.subject, one.aggregateversion) for one in envelopes]


async def until_sent(broker: MemoryBroker, order_id: str) -> None:
    await eventually(lambda: (order_id, 1) in sent(broker), timeout=60)


async def test_what_commits_late_is_published_however_far_others_have_got_meanwhile(
    database: Database, outbox_of: OutboxOf, add: Add
) -> None:
    """The late transaction took its position first and commits only after the early one was published."""
    broker = MemoryBroker()
    async with running(*(Relay(database, broker, asyncio.Event()) for _ in range(2))):
        for n in range(trials(5, 50)):
            early, late = f"ord_early_{n}", f"ord_late_{n}"
            async with database.transaction() as holding:
                await outbox_of(holding).add(placed(late), aggregate_version=1)
                await holding.flush()
                await add(placed(early))
                await until_sent(broker, early)
                assert (late, 1) not in sent(broker)
            await until_sent(broker, late)
            assert len(broker.published) == 2 * (n + 1)


async def test_versions_leave_in_order_past_late_commits_several_relays_and_refusals(
    database: Database, outbox_of: OutboxOf, impatient: None
) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    chance, broker = random.Random(seed), Moody(seed)  # noqa: S311 - see above
    aggregates, versions = [f"ord_{n}" for n in range(8)], trials(8, 60)

    async def live(order_id: str) -> None:
        """One aggregate: its transactions follow each other, those of different aggregates overlap."""
        for version in range(1, versions + 1):
            async with database.transaction() as session:
                await outbox_of(session).add(placed(order_id), aggregate_version=version)
                await asyncio.sleep(chance.uniform(0, 0.02))

    async with running(*(Relay(database, broker, asyncio.Event()) for _ in range(3))):
        await asyncio.gather(*(live(order_id) for order_id in aggregates))
        everything = len(aggregates) * versions
        await eventually(lambda: len(set(sent(broker))) == everything, timeout=120)
    seen: dict[str, list[int]] = defaultdict(list)
    for order_id, version in sent(broker):
        seen[order_id].append(version)
    assert dict(seen) == {one: list(range(1, versions + 1)) for one in aggregates}, f"seed {seed}"
