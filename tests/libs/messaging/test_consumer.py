import asyncio
import random
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import override

from libs.contracts.message import Message
from libs.contracts.order import OrderPlaced
from libs.contracts.payment import AuthorizePayment, CapturePayment
from libs.database.session import Database, DatabaseUnreachableError
from libs.ids import uuid7
from libs.messaging.consumer import Consumer
from libs.messaging.delivery import Heartbeat
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import HandlerContext, Handlers, OutsideTransaction, TooEarly
from libs.messaging.memory import MemoryBroker
from libs.messaging.outbox import Outbox
from libs.messaging.routing import Queue, Routing
from libs.messaging.tables import inbox_messages, outbox_messages
from libs.messaging.transport import BrokerError, Delivery, Outgoing
from libs.testing.waiting import eventually
from tests.libs.messaging.conftest import placed, running
from tests.libs.messaging.test_envelope import envelope

OutboxOf = Callable[[AsyncSession], Outbox]
Make = Callable[..., Consumer]

EVENTS = Routing.load().event_queues["cart"]
COMMANDS = Routing.load().command_queues["payment"]


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def consumer(database: Database, broker: MemoryBroker, outbox_of: OutboxOf) -> Make:
    def make(handlers: Handlers, queue: Queue = EVENTS, **changes: object) -> Consumer:
        arguments: dict[str, object] = {
            "queue": queue,
            "handlers": handlers,
            "database": database,
            "broker": broker,
            "outbox_of": outbox_of,
            "wait_seconds": 1,
            "redelivery_seconds": 0,
            **changes,
        }
        return Consumer(**arguments)  # type: ignore[arg-type] # the tests replace single arguments

    return make


def outgoing(message: Message, *, group: str | None = None, id_: str | None = None) -> Outgoing:
    id_ = id_ or str(uuid7())
    body = envelope(
        id=id_,
        type=message.type,
        subject=message.subject,
        data=message.model_dump(mode="json"),
    ).to_json()
    return Outgoing(id=id_, body=body, attributes={"type": message.type}, group=group)


def event(order_id: str = "ord_1") -> Outgoing:
    return outgoing(placed(order_id))


def command(order_id: str, reason: str = "") -> Outgoing:
    if reason:
        return outgoing(
            AuthorizePayment(
                order_id=order_id,
                user_id="usr_1",
                home_region="us-east-1",
                amount=placed().total,
                payment_method=reason,
            ),
            group=order_id,
        )
    return outgoing(CapturePayment(order_id=order_id), group=order_id)


async def done(database: Database) -> int:
    async with database.transaction() as session:
        count = await session.scalar(select(func.count()).where(inbox_messages.c.status == "done"))
    return count or 0


async def test_a_message_is_acknowledged_only_after_its_commit(
    database: Database, broker: MemoryBroker, consumer: Make
) -> None:
    waiting_during: list[int] = []

    async def handle(_: OrderPlaced, __: HandlerContext) -> None:
        waiting_during.append(len(broker.waiting(EVENTS.name)))

    await broker.publish(f"queue:{EVENTS.name}", [event()])
    async with running(consumer({OrderPlaced: handle})):
        await eventually(lambda: not broker.waiting(EVENTS.name))
        assert await done(database) == 1
    assert waiting_during == [1]


async def test_a_failing_message_comes_again_until_it_succeeds(
    broker: MemoryBroker, consumer: Make
) -> None:
    tries: list[str] = []

    async def handle(message: OrderPlaced, _: HandlerContext) -> None:
        tries.append(message.order_id)
        if len(tries) < 3:
            raise RuntimeError("not yet")

    await broker.publish(f"queue:{EVENTS.name}", [event()])
    async with running(consumer({OrderPlaced: handle})):
        await eventually(lambda: not broker.waiting(EVENTS.name))
    assert tries == ["ord_1"] * 3


async def test_the_pause_before_a_redelivery_doubles(broker: MemoryBroker, consumer: Make) -> None:
    hidden: list[int] = []

    class Watched(MemoryBroker):
        @override
        async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
            hidden.append(seconds)
            return await super().hide(queue, receipts, 0)

    async def fail(_: OrderPlaced, __: HandlerContext) -> None:
        raise RuntimeError("no")

    watched = Watched()
    await watched.publish(f"queue:{EVENTS.name}", [event()])
    async with running(consumer({OrderPlaced: fail}, broker=watched, redelivery_seconds=1)):
        await eventually(lambda: watched.waiting(EVENTS.dead_letter))
    assert hidden == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


async def test_a_poison_message_ends_among_the_dead_letters_while_others_flow(
    database: Database, broker: MemoryBroker, consumer: Make
) -> None:
    async def handle(message: OrderPlaced, _: HandlerContext) -> None:
        if message.order_id == "ord_poison":
            raise RuntimeError("poison")

    poison = event("ord_poison")
    garbage = Outgoing(id="garbage", body="no cloud event")
    good = [event(f"ord_{n}") for n in range(20)]
    await broker.publish(f"queue:{EVENTS.name}", [poison, garbage, *good])
    async with running(consumer({OrderPlaced: handle})):
        await eventually(lambda: not broker.waiting(EVENTS.name))
    assert await done(database) == 20
    assert {letter.id for letter in broker.waiting(EVENTS.dead_letter)} == {poison.id, "garbage"}


async def test_a_poison_message_holds_up_nobody_while_it_fails(
    broker: MemoryBroker, consumer: Make
) -> None:
    """Everything sent after it is handled before it comes to its end among the dead letters."""
    handled: list[str] = []
    tries = 0

    async def handle(message: OrderPlaced, _: HandlerContext) -> None:
        nonlocal tries
        if message.order_id == "ord_poison":
            tries += 1
            raise RuntimeError("poison")
        handled.append(message.order_id)

    await broker.publish(f"queue:{EVENTS.name}", [event("ord_poison")])
    await broker.publish(f"queue:{EVENTS.name}", [event(f"ord_{n}") for n in range(60)])
    async with running(consumer({OrderPlaced: handle}, redelivery_seconds=0.5, concurrency=5)):
        await eventually(lambda: len(handled) == 60, timeout=60)
        assert not broker.waiting(EVENTS.dead_letter)
        assert tries < EVENTS.max_receive_count


async def test_a_group_is_handled_in_order_and_a_failure_holds_back_only_its_own(
    broker: MemoryBroker, consumer: Make
) -> None:
    handled: list[tuple[str, str]] = []
    failures = {"ord_0"}

    async def authorize(message: AuthorizePayment, _: HandlerContext) -> None:
        await asyncio.sleep(0)
        if message.order_id in failures and message.payment_method == "1":
            failures.discard(message.order_id)
            raise RuntimeError("once")
        handled.append((message.order_id, message.payment_method))

    orders = [f"ord_{n}" for n in range(3)]
    commands = [command(order, str(n)) for n in range(1, 5) for order in orders]
    await broker.publish(f"queue:{COMMANDS.name}", commands)
    async with running(consumer({AuthorizePayment: authorize}, COMMANDS)):
        await eventually(lambda: not broker.waiting(COMMANDS.name))
    for order in orders:
        assert [n for one, n in handled if one == order] == ["1", "2", "3", "4"]


async def test_groups_are_handled_beside_one_another(broker: MemoryBroker, consumer: Make) -> None:
    together = asyncio.Barrier(3)

    async def handle(_: CapturePayment, __: Envelope) -> None:
        async with asyncio.timeout(5):
            await together.wait()

    commands = [command(f"ord_{n}") for n in range(3)]
    await broker.publish(f"queue:{COMMANDS.name}", commands)
    async with running(consumer({CapturePayment: OutsideTransaction(handle)}, COMMANDS)):
        await eventually(lambda: not broker.waiting(COMMANDS.name))


async def test_no_more_is_taken_than_can_be_held(broker: MemoryBroker, consumer: Make) -> None:
    release = asyncio.Event()
    started: list[str] = []

    async def handle(message: OrderPlaced, _: Envelope) -> None:
        started.append(message.order_id)
        await release.wait()

    await broker.publish(f"queue:{EVENTS.name}", [event(f"ord_{n}") for n in range(8)])
    handlers = {OrderPlaced: OutsideTransaction(handle)}
    async with running(consumer(handlers, concurrency=3)):
        await eventually(lambda: len(started) == 3)
        others = await broker.receive(EVENTS.name, limit=10, wait_seconds=0, visibility_seconds=0)
        assert len(others) == 5
        release.set()
        await eventually(lambda: not broker.waiting(EVENTS.name))


async def test_a_handler_that_outlasts_the_visibility_is_delivered_once(
    broker: MemoryBroker, consumer: Make
) -> None:
    started: list[str] = []

    async def slow(message: OrderPlaced, _: Envelope) -> None:
        started.append(message.order_id)
        await asyncio.sleep(2.5)

    queue = EVENTS.model_copy(update={"visibility_seconds": 1})
    await broker.publish(f"queue:{EVENTS.name}", [event()])
    handlers = {OrderPlaced: OutsideTransaction(slow)}
    async with running(consumer(handlers, queue), consumer(handlers, queue)):
        await eventually(lambda: not broker.waiting(EVENTS.name))
    assert started == ["ord_1"]


@pytest.mark.parametrize("answer", ["refused", "away"])
async def test_a_handler_whose_message_may_be_with_somebody_else_is_stopped(
    consumer: Make, answer: str
) -> None:
    stopped = asyncio.Event()

    class Losing(MemoryBroker):
        @override
        async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
            if answer == "away":
                raise BrokerError("away")
            return receipts

    async def slow(_: OrderPlaced, __: Envelope) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise

    broker = Losing()
    queue = EVENTS.model_copy(update={"visibility_seconds": 1})
    await broker.publish(f"queue:{EVENTS.name}", [event()])
    handlers = {OrderPlaced: OutsideTransaction(slow)}
    async with running(consumer(handlers, queue, broker=broker)) as stop:
        await eventually(lambda: broker.waiting(EVENTS.name))
        async with asyncio.timeout(5):
            await stopped.wait()
        stop.set()
        broker._queues[EVENTS.name].stored.clear()


async def test_a_handler_is_stopped_before_its_message_can_be_with_somebody_else() -> None:
    class Silent(MemoryBroker):
        @override
        async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
            return await asyncio.Future()

    lost: list[str] = []
    queue = EVENTS.model_copy(update={"visibility_seconds": 3})
    held = [Delivery("{}", "r1")]
    async with asyncio.timeout(queue.visibility_seconds):
        await Heartbeat(Silent(), queue, held, lost.extend).run()
    assert lost == ["r1"]


async def test_a_heartbeat_that_fails_now_and_then_stops_nothing() -> None:
    class Flaky(MemoryBroker):
        calls = 0

        @override
        async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
            self.calls += 1
            if self.calls == 4:
                held.clear()
            if self.calls % 2:
                raise BrokerError("away")
            return []

    queue = EVENTS.model_copy(update={"visibility_seconds": 1})
    held = [Delivery("{}", "r1")]
    lost: list[str] = []
    await Heartbeat(Flaky(), queue, held, lost.extend).run()
    assert not lost


async def test_a_stop_lets_handlers_finish_and_gives_the_rest_back(
    database: Database, broker: MemoryBroker, consumer: Make
) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def handle(_: CapturePayment, __: Envelope) -> None:
        entered.set()
        await release.wait()

    commands = [outgoing(CapturePayment(order_id="ord_1"), group="ord_1") for _ in range(3)]
    await broker.publish(f"queue:{COMMANDS.name}", commands)
    async with running(consumer({CapturePayment: OutsideTransaction(handle)}, COMMANDS)) as stop:
        await entered.wait()
        stop.set()
        asyncio.get_running_loop().call_later(0.5, release.set)  # after the last poll has ended
    assert await done(database) == 1
    assert broker.waiting(COMMANDS.name) == commands[1:]
    visible = await broker.receive(COMMANDS.name, limit=10, wait_seconds=0, visibility_seconds=0)
    assert len(visible) == 2


async def test_what_a_poll_brings_after_the_stop_is_given_back(consumer: Make) -> None:
    polling, arrived = asyncio.Event(), asyncio.Event()

    class Late(MemoryBroker):
        @override
        async def receive(
            self, queue: str, *, limit: int, wait_seconds: int, visibility_seconds: int
        ) -> list[Delivery]:
            polling.set()
            await arrived.wait()
            return await super().receive(
                queue, limit=limit, wait_seconds=0, visibility_seconds=visibility_seconds
            )

    async def never(_: OrderPlaced, __: HandlerContext) -> None:
        pytest.fail("nothing is handled after the stop")

    broker = Late()
    await broker.publish(f"queue:{EVENTS.name}", [event()])
    async with running(consumer({OrderPlaced: never}, broker=broker)) as stop:
        await polling.wait()
        stop.set()
        arrived.set()
    [again] = await MemoryBroker.receive(
        broker, EVENTS.name, limit=10, wait_seconds=0, visibility_seconds=30
    )
    assert again.receive_count == 2


async def test_a_drain_that_takes_too_long_gives_back_what_it_cut_off(
    broker: MemoryBroker, consumer: Make
) -> None:
    entered = asyncio.Event()

    async def endless(_: OrderPlaced, __: Envelope) -> None:
        entered.set()
        await asyncio.Event().wait()

    await broker.publish(f"queue:{EVENTS.name}", [event()])
    cut_off = asyncio.create_task(
        consumer({OrderPlaced: OutsideTransaction(endless)}).run(asyncio.Event())
    )
    await entered.wait()
    cut_off.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut_off
    visible = await broker.receive(EVENTS.name, limit=10, wait_seconds=0, visibility_seconds=0)
    assert len(visible) == 1


async def test_a_consumer_waits_for_a_broker_that_is_away(
    database: Database, broker: MemoryBroker, consumer: Make
) -> None:
    async def handle(_: OrderPlaced, __: HandlerContext) -> None: ...

    tried = asyncio.Event()

    class Away(MemoryBroker):
        @override
        async def receive(
            self, queue: str, *, limit: int, wait_seconds: int, visibility_seconds: int
        ) -> list[Delivery]:
            tried.set()
            return await super().receive(
                queue,
                limit=limit,
                wait_seconds=wait_seconds,
                visibility_seconds=visibility_seconds,
            )

    away = Away()
    await away.publish(f"queue:{EVENTS.name}", [event()])
    away.away = True
    async with running(consumer({OrderPlaced: handle}, broker=away)):
        await tried.wait()
        away.away = False
        await eventually(lambda: not away.waiting(EVENTS.name))
    assert await done(database) == 1


async def test_nothing_is_received_while_the_database_is_away(
    broker: MemoryBroker, consumer: Make, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable = database.run
    pings: list[int] = []

    async def unreachable(*_: object, **__: object) -> None:
        raise DatabaseUnreachableError

    async def ping() -> None:
        pings.append(broker._receipts)
        if len(pings) < 3:
            raise DatabaseUnreachableError
        monkeypatch.setattr(database, "run", reachable)

    async def handle(_: OrderPlaced, __: HandlerContext) -> None: ...

    monkeypatch.setattr(database, "run", unreachable)
    monkeypatch.setattr(database, "ping", ping)
    async with running(consumer({OrderPlaced: handle}, concurrency=1)):
        await broker.publish(f"queue:{EVENTS.name}", [event()])
        await eventually(lambda: not broker.waiting(EVENTS.name))
    assert pings == [1, 1, 1], "one receipt found out; the rest waited"


async def test_a_parked_message_is_acknowledged_and_run_later(
    database: Database, broker: MemoryBroker, consumer: Make
) -> None:
    known: set[str] = set()

    async def capture(message: CapturePayment, _: HandlerContext) -> None:
        if message.order_id not in known:
            raise TooEarly(message.order_id)

    async def authorize(message: AuthorizePayment, context: HandlerContext) -> None:
        known.add(message.order_id)
        context.advanced(message.order_id)

    async with running(consumer({CapturePayment: capture, AuthorizePayment: authorize}, COMMANDS)):
        await broker.publish(f"queue:{COMMANDS.name}", [command("ord_1")])
        await eventually(lambda: not broker.waiting(COMMANDS.name))
        assert await done(database) == 0
        await broker.publish(f"queue:{COMMANDS.name}", [command("ord_1", "tok_ok")])

        async def both() -> bool:
            return await done(database) == 2

        await eventually(both)


async def test_three_deliveries_in_any_order_have_the_effect_of_one(
    database: Database, broker: MemoryBroker, consumer: Make
) -> None:
    async def handle(message: OrderPlaced, context: HandlerContext) -> None:
        await context.outbox.add(CapturePayment(order_id=message.order_id), aggregate_version=2)

    once = [event(f"ord_{n}") for n in range(30)]
    thrice = once * 3
    random.Random(7).shuffle(thrice)  # noqa: S311 - a repeatable order, no secret
    await broker.publish(f"queue:{EVENTS.name}", thrice)
    async with running(consumer({OrderPlaced: handle}), consumer({OrderPlaced: handle})):
        await eventually(lambda: not broker.waiting(EVENTS.name))
    async with database.transaction() as session:
        effects = (await session.scalars(select(outbox_messages.c.aggregate_id))).all()
    assert sorted(effects) == sorted({message.order_id for message in map(_order_of, once)})


def _order_of(message: Outgoing) -> OrderPlaced:
    placed_order = Envelope.from_json(message.body).message()
    assert isinstance(placed_order, OrderPlaced)
    return placed_order
