"""Commands through a queue: one effect per business key, early ones parked, poison left to the dead letters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.clock import utc_now
from libs.contracts import COMMANDS
from libs.contracts.message import Amount, Command
from libs.contracts.payment import AuthorizePayment, CapturePayment, RefundPayment, VoidPayment
from libs.contracts.user import ErasureRequested
from libs.ids import new_id, uuid7
from libs.messaging.consumer import Consumer
from libs.messaging.envelope import Envelope
from libs.messaging.outbox import Outbox
from libs.messaging.routing import Routing
from libs.messaging.transport import Outgoing
from libs.testing.broker import MemoryBroker
from libs.testing.waiting import eventually
from services.payment.consumers import handlers
from tests.payment.conftest import REGION, Shop

QUEUE = Routing.load().command_queues["payment"]


def outgoing(command: Command) -> Outgoing:
    """Wrap a command as order's relay would send it."""
    message_id = str(uuid7())
    envelope = Envelope(
        id=message_id,
        source=f"/meridian/{REGION}/order",
        type=command.type,
        subject=command.subject,
        time=utc_now(),
        dataschema=f"https://meridian.example/schemas/{command.type}.json",
        data=command.model_dump(mode="json"),
        aggregateversion=1,
        originregion=REGION,
    )
    attributes = {"type": command.type, "originregion": REGION}
    return Outgoing(message_id, envelope.to_json(), attributes, group=command.subject)


def authorize(order_id: str, token: str = "tok_ok") -> AuthorizePayment:  # noqa: S107 - a test token
    return AuthorizePayment(
        order_id=order_id,
        user_id="usr_1",
        home_region=REGION,
        amount=Amount(amount_minor=1000, currency="USD"),
        payment_method=token,
    )


def refund(order_id: str, amount_minor: int) -> RefundPayment:
    return RefundPayment(
        order_id=order_id,
        refund_id=new_id("rfd"),
        amount=Amount(amount_minor=amount_minor, currency="USD"),
        reason="returned",
    )


@asynccontextmanager
async def consuming(shop: Shop, broker: MemoryBroker) -> AsyncIterator[None]:
    consumer = Consumer(
        queue=QUEUE,
        handlers=handlers(shop.commands()),
        database=shop.database,
        broker=broker,
        outbox_of=lambda session: Outbox(session, "payment", REGION, wake=lambda: None),
        redelivery_seconds=0.1,
    )
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def test_every_command_has_a_handler(shop: Shop) -> None:
    mine = {command for command in COMMANDS if command.receiver == "payment"}
    assert set(handlers(shop.commands())) == mine | {ErasureRequested}


async def test_commands_of_an_order_run_in_order_and_once_each(shop: Shop) -> None:
    broker = MemoryBroker()
    orders = [new_id("ord") for _ in range(5)]
    for order_id in orders:
        commands = [
            authorize(order_id),
            CapturePayment(order_id=order_id),
            refund(order_id, 400),
            VoidPayment(order_id=order_id, reason="late"),
        ]
        messages = [outgoing(command) for command in commands]
        await broker.publish(f"queue:{QUEUE.name}", [*messages, *messages])
    async with consuming(shop, broker):
        for order_id in orders:
            await eventually(lambda order_id=order_id: _told(shop, order_id, 4), 60)  # type: ignore[misc]  # binds the loop's value
    for order_id in orders:
        events = await shop.events(order_id)
        assert events == ["authorized", "captured", "refunded", "captured"]
    assert await shop.balances() == {"provider_clearing": 3000, "sales": -5000, "refunds": 2000}


async def test_a_capture_of_an_unknown_outcome_waits_and_runs_when_it_is_known(
    shop: Shop,
) -> None:
    broker = MemoryBroker()
    order_id = new_id("ord")
    commands = [authorize(order_id, "tok_error_after_charge"), CapturePayment(order_id=order_id)]
    await broker.publish(f"queue:{QUEUE.name}", [outgoing(command) for command in commands])
    async with consuming(shop, broker):
        await eventually(lambda: _parked(shop))
        await shop.settle()
        await eventually(lambda: _told(shop, order_id, 3), 60)
    assert await shop.events(order_id) == ["outcome_unknown", "authorized", "captured"]


async def test_a_parked_command_runs_as_soon_as_its_payment_moves(shop: Shop) -> None:
    broker = MemoryBroker()
    order_id = new_id("ord")
    commands = [authorize(order_id, "tok_error_after_charge"), CapturePayment(order_id=order_id)]
    await broker.publish(f"queue:{QUEUE.name}", [outgoing(command) for command in commands])
    async with consuming(shop, broker):
        await eventually(lambda: _parked(shop))
        await shop.admin.execute(
            "UPDATE inbox_messages SET retry_at = now() + interval '1 hour' WHERE status = 'parked'"
        )
        await shop.settle()
        await eventually(lambda: _told(shop, order_id, 3), 60)


async def _told(shop: Shop, order_id: str, count: int) -> bool:
    return len(await shop.events(order_id)) >= count


async def _parked(shop: Shop) -> bool:
    return bool(
        await shop.admin.fetchval("SELECT true FROM inbox_messages WHERE status = 'parked'")
    )
