"""What a consumer does with messages: in order within a group, again after a failure, acknowledged after the commit."""

import asyncio
import random
from collections.abc import Sequence

from sqlalchemy import select
from typing_extensions import override

from libs.contracts.order import OrderPlaced
from libs.contracts.payment import AuthorizePayment, CapturePayment
from libs.database.session import Database
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import HandlerContext, OutsideTransaction, TooEarly
from libs.messaging.tables import outbox_messages
from libs.messaging.transport import Outgoing
from libs.testing.broker import MemoryBroker
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import (
    COMMANDS,
    EVENTS,
    Make,
    command,
    done,
    event,
    order_of,
    running,
)


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
        async with asyncio.timeout(30):
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
    assert sorted(effects) == sorted({message.order_id for message in map(order_of, once)})
