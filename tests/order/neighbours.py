"""Payment and product for many orders at once: they read the order service's outbox and tell its real consumers the outcome."""

import asyncio
from dataclasses import dataclass, field

from libs.messaging.processing import Outcome
from services.order.domain.saga import TAKEN
from services.order.domain.states import OrderStatus, ShipmentStatus
from services.order.repository import OrderRepository
from services.order.service.audit import discrepancies
from services.order.service.rows import goods_of, saga_of
from tests.order.conftest import Running
from tests.order.process import TO_STOCK
from tests.order.world import ASKS, News, Payment, Stock, sent_of

AT_ONCE = 4
ROUNDS = 15


@dataclass
class Neighbours:
    """One model of payment and of product per order."""

    running: Running
    payments: dict[str, Payment] = field(default_factory=dict)
    stocks: dict[str, Stock] = field(default_factory=dict)
    position: int = 0

    def know(self, order_id: str, total: int, pieces: dict[str, int]) -> None:
        """Meet an order."""
        self.payments[order_id] = Payment(total, "USD")
        self.stocks[order_id] = Stock(pieces)

    async def ignore(self) -> None:
        """Lose everything that was sent so far."""
        rows = await self.running.sql("SELECT coalesce(max(position), 0) FROM outbox_messages")
        self.position = rows[0][0]

    async def answer(self) -> int:
        """Do everything that was asked since the last time; returns how much."""
        rows = await self.running.sql(
            "SELECT position, aggregate_id, type, envelope FROM outbox_messages"
            " WHERE position > :after AND type = ANY(:types) ORDER BY position",
            after=self.position,
            types=list(ASKS),
        )
        news = [(row[1], one) for row in rows for one in self._handle(row[1], row[2], row[3])]
        self.position = rows[-1][0] if rows else self.position
        for start in range(0, len(news), AT_ONCE):
            batch = news[start : start + AT_ONCE]
            await asyncio.gather(*(self.tell(order_id, one) for order_id, one in batch))
        return len(rows)

    async def tell(self, order_id: str, news: News) -> Outcome:
        """Let the order service hear one event."""
        envelope = self.running.envelope(news.type, order_id, **news.data)
        version = {"aggregateversion": max(news.version, 1)}
        return await self.running.processor().process(envelope.model_copy(update=version))

    async def settle(self) -> int:
        """Answer and sweep until no order waits for anything; returns how many rounds it took."""
        waiting: list[object] = []
        for round_number in range(ROUNDS):
            while await self.answer():
                continue
            waiting = await self.running.sql(
                "UPDATE orders SET next_check_at = now() WHERE next_check_at IS NOT NULL"
                " RETURNING id"
            )
            if not waiting:
                return round_number
            while await self.running.sweep():
                continue
        raise AssertionError(f"still waiting after {ROUNDS} rounds: {waiting[:5]}")

    async def check(self, order_id: str) -> OrderStatus:
        """An order at its end has its goods or its money back, never both and never neither; returns which."""
        async with self.running.resources.database.transaction() as session:
            details = await OrderRepository(session).details(order_id)
        assert details is not None
        assert list(discrepancies(details)) == []
        saga, payment, stock = (
            saga_of(details.state),
            self.payments[order_id],
            self.stocks[order_id],
        )
        if saga.order != OrderStatus.CONFIRMED:
            assert saga.order in {OrderStatus.CANCELLED, OrderStatus.FAILED}
            assert saga.shipment == ShipmentStatus.PENDING
            assert payment.captured == payment.refunded
            assert payment.captured or payment.state in {"voided", "declined"}
            assert stock.state in {"released", "rejected"}
            return saga.order
        assert saga.payment in TAKEN
        assert payment.captured == payment.total_minor
        assert payment.refunded == saga.refunded_minor <= payment.captured
        assert stock.state == "committed"
        goods = goods_of(details.state, details.goods)
        for line in goods.lines:
            assert line.open >= 0
            assert stock.back[line.sold.sku] == line.cancelled + line.returned
        return saga.order

    def _handle(self, order_id: str, type_: str, envelope: str) -> list[News]:
        sent = sent_of(type_, envelope)
        if sent.ask in TO_STOCK:
            return self.stocks[order_id].handle(sent, sold_out=False) or []
        return self.payments[order_id].handle(sent, "authorized", refused=False)
