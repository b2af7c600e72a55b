"""Messages, bare and as brokers carry them, and loops that carry them on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from libs.clock import utc_now
from libs.contracts.message import Amount, Message
from libs.contracts.order import OrderPlaced
from libs.contracts.payment import AuthorizePayment, CapturePayment
from libs.database.session import Database
from libs.ids import uuid7
from libs.messaging.consumer import Consumer
from libs.messaging.envelope import Envelope, schema_uri, source_uri
from libs.messaging.outbox import Outbox
from libs.messaging.routing import Routing
from libs.messaging.tables import inbox_messages
from libs.messaging.transport import Outgoing

REGION = "us-east-1"

OutboxOf = Callable[[AsyncSession], Outbox]
Make = Callable[..., Consumer]

EVENTS = Routing.load().event_queues["cart"]
COMMANDS = Routing.load().command_queues["payment"]


class Loop(Protocol):
    async def run(self, stop: asyncio.Event) -> None: ...


def placed(order_id: str = "ord_1", *, cart_version: int = 1) -> OrderPlaced:
    return OrderPlaced(
        order_id=order_id,
        user_id="usr_1",
        home_region=REGION,
        cart_id="crt_1",
        cart_version=cart_version,
        lines=(),
        total=Amount(amount_minor=100, currency="USD"),
    )


def envelope(**changes: object) -> Envelope:
    values = {
        "id": "0198a0b4-0000-7000-8000-000000000000",
        "source": source_uri("us-east-1", "order"),
        "type": "order.placed.v1",
        "subject": "ord_1",
        "time": utc_now(),
        "dataschema": schema_uri("order.placed.v1"),
        "data": placed().model_dump(mode="json"),
        "aggregateversion": 1,
        "originregion": "us-east-1",
    }
    return Envelope.model_validate({**values, **changes})


@asynccontextmanager
async def running(*loops: Loop) -> AsyncIterator[asyncio.Event]:
    """Run loops until the block ends, then stop them and let what they raised be seen."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(loop.run(stop)) for loop in loops]
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.gather(*tasks)


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


def order_of(message: Outgoing) -> OrderPlaced:
    placed_order = Envelope.from_json(message.body).message()
    assert isinstance(placed_order, OrderPlaced)
    return placed_order
