import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise

import pytest
from sqlalchemy import Row, select, text, update
from typing_extensions import override

from libs.contracts.order import OrderConfirmed
from libs.contracts.payment import CapturePayment
from libs.database.session import Database
from libs.messaging import relay as relay_module
from libs.messaging.relay import Pass, Relay
from libs.messaging.tables import outbox_messages
from libs.messaging.transport import Outgoing
from libs.observability.tracing import start_span
from libs.testing.broker import MemoryBroker
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import OutboxOf, placed, running

Add = Callable[..., Awaitable[list[str]]]


class SlowBroker(MemoryBroker):
    """Takes a random moment per call, so that calls of several relays overlap."""

    @override
    async def publish(self, destination: str, messages: Sequence[Outgoing]) -> Mapping[str, str]:
        await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311 - jitter is no secret
        return await super().publish(destination, messages)


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def relay(database: Database, broker: MemoryBroker, wake: asyncio.Event) -> Relay:
    return Relay(database, broker, wake)


async def rows(database: Database) -> Sequence[Row[*tuple[object, ...]]]:
    async with database.transaction() as session:
        found = await session.execute(select(outbox_messages).order_by(outbox_messages.c.position))
        return found.all()


async def make_due(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(outbox_messages).values(next_attempt_at=text("now()")))


def sent(broker: MemoryBroker) -> list[str]:
    return [message.id for _, message in broker.published]


async def test_what_is_published_carries_type_region_and_trace_and_is_marked(
    database: Database, broker: MemoryBroker, relay: Relay, add: Add
) -> None:
    with start_span("POST /v1/orders"):
        [id_] = await add(placed())
    assert await relay.relay_once() == Pass(claimed=1, published=1)
    [(destination, message)] = broker.published
    assert destination == "topic:order-events"
    assert message.id == id_
    assert set(message.attributes) == {"type", "originregion", "traceparent"}
    assert message.attributes["type"] == "order.placed.v1"
    assert (await rows(database))[0].published_at is not None
    assert await relay.relay_once() == Pass()


async def test_a_command_goes_to_its_queue_in_its_group(
    broker: MemoryBroker, relay: Relay, add: Add
) -> None:
    await add(CapturePayment(order_id="ord_1"))
    await relay.relay_once()
    [(destination, message)] = broker.published
    assert (destination, message.group) == ("queue:payment-commands.fifo", "ord_1")


async def test_a_transaction_that_commits_late_is_not_skipped(
    database: Database, broker: MemoryBroker, relay: Relay, outbox_of: OutboxOf, add: Add
) -> None:
    async with database.transaction() as late:
        late_id = await outbox_of(late).add(placed("ord_late"), aggregate_version=1)
        await late.flush()
        [early_id] = await add(placed("ord_early"))
        await relay.relay_once()
        assert sent(broker) == [early_id]
    first, second = await rows(database)
    assert (str(first.id), str(second.id)) == (late_id, early_id)
    await relay.relay_once()
    assert sent(broker) == [early_id, late_id]


async def test_an_event_and_a_command_of_one_aggregate_leave_in_one_pass(
    relay: Relay, add: Add
) -> None:
    await add(placed("ord_1"), CapturePayment(order_id="ord_1"))
    assert await relay.relay_once() == Pass(claimed=2, published=2)


async def test_one_pass_takes_only_the_oldest_of_each_aggregate(
    broker: MemoryBroker, relay: Relay, add: Add
) -> None:
    first = await add(placed("ord_1"), placed("ord_1", cart_version=2), placed("ord_2"))
    assert await relay.relay_once() == Pass(claimed=2, published=2)
    assert sent(broker) == [first[0], first[2]]
    await relay.relay_once()
    assert sent(broker) == [first[0], first[2], first[1]]


async def test_several_relays_keep_the_order_of_every_aggregate(
    database: Database, add: Add
) -> None:
    broker = SlowBroker()
    aggregates = [f"ord_{n}" for n in range(12)]
    for version in range(1, 11):
        await add(*(placed(one, cart_version=version) for one in aggregates))
    async with running(*(Relay(database, broker, asyncio.Event()) for _ in range(3))):
        await eventually(lambda: len(broker.published) >= 120)
    assert len(set(sent(broker))) == len(sent(broker)) == 120
    positions = {str(row.id): (row.aggregate_id, row.position) for row in await rows(database)}
    order: dict[object, list[object]] = defaultdict(list)
    for id_ in sent(broker):
        aggregate, position = positions[id_]
        order[aggregate].append(position)
    assert all(a < b for seen in order.values() for a, b in pairwise(seen))  # type: ignore[operator] # bigints


async def test_a_refused_row_holds_back_its_own_aggregate_only(
    database: Database, broker: MemoryBroker, relay: Relay, add: Add
) -> None:
    broker.refuse["order.placed.v1"] = "InvalidParameter: no"
    confirmed = OrderConfirmed(order_id="ord_1", user_id="usr_1", total=placed().total)
    await add(placed("ord_1"), confirmed, confirmed.model_copy(update={"order_id": "ord_2"}))
    assert await relay.relay_once() == Pass(claimed=2, published=1)
    assert await relay.relay_once() == Pass()
    refused, held_back, other = await rows(database)
    assert (refused.attempts, refused.last_error) == (1, "InvalidParameter: no")
    assert refused.published_at is None
    assert (held_back.attempts, held_back.published_at) == (0, None)
    assert other.published_at is not None

    broker.refuse.clear()
    await make_due(database)
    await relay.relay_once()
    await relay.relay_once()
    assert sent(broker) == [str(other.id), str(refused.id), str(held_back.id)]


async def test_the_pause_after_a_failure_doubles_up_to_half_a_minute(
    database: Database, broker: MemoryBroker, relay: Relay, add: Add
) -> None:
    broker.away = True
    await add(placed())
    pauses: list[float] = []
    for attempts in (0, 1, 3, 50, 5000):
        async with database.transaction() as session:
            await session.execute(update(outbox_messages).values(attempts=attempts))
        await make_due(database)
        await relay.relay_once()
        async with database.transaction() as session:
            pause = await session.scalar(
                text("SELECT extract(epoch FROM next_attempt_at - now()) FROM outbox_messages")
            )
        pauses.append(float(pause))
    limits = (0.2, 0.4, 1.6, 30, 30)
    assert all(limit * 0.4 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True))


async def test_nothing_is_lost_while_the_broker_is_away(
    database: Database, broker: MemoryBroker, relay: Relay, add: Add
) -> None:
    broker.away = True
    async with running(relay):
        ids = await add(placed("ord_1"), placed("ord_2"))

        async def both_tried() -> bool:
            return all(row.attempts for row in await rows(database))

        await eventually(both_tried)
        broker.away = False
        await eventually(lambda: len(broker.published) == 2)
    assert set(sent(broker)) == set(ids)


async def test_a_relay_that_dies_while_sending_gives_its_rows_back(
    database: Database, wake: asyncio.Event, add: Add
) -> None:
    class Stuck(MemoryBroker):
        @override
        async def publish(
            self, destination: str, messages: Sequence[Outgoing]
        ) -> Mapping[str, str]:
            sending.set()
            await asyncio.Event().wait()
            return {}

    sending = asyncio.Event()
    [id_] = await add(placed())
    dying = asyncio.create_task(Relay(database, Stuck(), wake).relay_once())
    await sending.wait()
    broker = MemoryBroker()
    other = Relay(database, broker, wake)
    assert await other.relay_once() == Pass(), "its rows are locked while it lives"
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    assert await other.relay_once() == Pass(claimed=1, published=1)
    assert sent(broker) == [id_]


async def test_a_commit_wakes_an_idle_relay(
    database: Database,
    broker: MemoryBroker,
    wake: asyncio.Event,
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "FASTEST_POLL_SECONDS", 60.0)
    relay = Relay(database, broker, wake, slowest_poll_seconds=60)
    async with running(relay):
        for n in range(3):
            await add(placed(f"ord_{n}"))
            await eventually(lambda n=n: len(broker.published) == n + 1)  # type: ignore[misc] # bound now


async def test_rows_of_other_processes_are_found_by_polling(
    database: Database, broker: MemoryBroker, add: Add
) -> None:
    async with running(Relay(database, broker, asyncio.Event())):
        await add(placed())
        await eventually(lambda: broker.published)


async def test_a_relay_survives_a_database_that_is_away(broker: MemoryBroker) -> None:
    nowhere = Database("postgresql://nobody@/none?host=/nonexistent", application_name="test")
    relay = Relay(nowhere, broker, asyncio.Event())
    async with running(relay) as stop:
        await asyncio.sleep(0)
        assert not stop.is_set()
    await nowhere.close()


async def test_the_age_of_the_oldest_unpublished_row_is_measured(
    database: Database, broker: MemoryBroker, relay: Relay, add: Add
) -> None:
    await add(placed())
    async with database.transaction() as session:
        await session.execute(
            update(outbox_messages).values(created_at=text("now() - interval '1 hour'"))
        )
    broker.away = True
    async with running(relay):
        await eventually(lambda: relay._age_seconds() > 3590)


async def test_an_idle_look_uses_the_index_only(database: Database, add: Add) -> None:
    await add(*(placed(f"ord_{n}") for n in range(200)))
    async with database.transaction() as session:
        await session.execute(update(outbox_messages).values(published_at=text("now()")))
        await session.execute(text("ANALYZE outbox_messages"))
        claim = relay_module._CLAIM.compile(
            dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}
        )
        plan = (await session.scalars(text(f"EXPLAIN {claim}"))).all()
    # The default partition is empty: reading it whole is reading nothing.
    whole = [line for line in plan if "Seq Scan" in line and "outbox_messages_default" not in line]
    assert whole == []
