"""Messages that come too early: an order's confirmation before the order."""

from sqlalchemy import Row, select, text, update

from libs.contracts.order import OrderConfirmed, OrderPlaced
from libs.database.session import Database
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import HandlerContext, TooEarly
from libs.messaging.processing import Outcome, Processor
from libs.messaging.tables import inbox_messages
from tests.libs.messaging.traffic import OutboxOf, envelope, placed

CONFIRMED = OrderConfirmed(order_id="ord_1", user_id="usr_1", total=placed().total)


class Orders:
    """An order that can only be confirmed after it was placed."""

    def __init__(self, database: Database, outbox_of: OutboxOf) -> None:
        self.placed = False
        self.confirmed = 0
        self.broken = False
        self.outbox_of = outbox_of
        self.processor = Processor(
            consumer="cart-inbox",
            handlers={OrderPlaced: self.on_placed, OrderConfirmed: self.on_confirmed},
            database=database,
            outbox_of=outbox_of,
            transactions=5,
        )

    async def on_placed(self, message: OrderPlaced, context: HandlerContext) -> None:
        self.placed = True
        context.advanced(message.order_id)

    async def on_confirmed(self, message: OrderConfirmed, _: HandlerContext) -> None:
        if self.broken:
            raise RuntimeError("broken")
        if not self.placed:
            raise TooEarly(message.order_id)
        self.confirmed += 1

    async def confirm_early(self) -> None:
        outcome = await self.processor.process(confirmed())
        assert outcome is Outcome.PARKED


def confirmed() -> Envelope:
    return envelope(
        id="0198a0b4-0000-7000-8000-000000000001",
        type="order.confirmed.v1",
        data=CONFIRMED.model_dump(mode="json"),
    )


async def row(database: Database) -> Row[*tuple[object, ...]]:
    async with database.transaction() as session:
        found = await session.execute(
            select(inbox_messages).where(inbox_messages.c.type == "order.confirmed.v1")
        )
        return found.one()


async def make_due(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(inbox_messages)
            .where(inbox_messages.c.status == "parked")
            .values(retry_at=text("now()"))
        )
