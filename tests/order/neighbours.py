"""Payment and product for many orders at once: they read the order service's outbox and tell its real consumers the outcome."""

import asyncio
import json
from dataclasses import dataclass, field

from libs.ids import new_id
from libs.messaging.processing import Outcome
from services.order.domain.saga import TAKEN
from services.order.domain.states import OrderStatus, ShipmentStatus
from services.order.repository import OrderRepository
from services.order.service.audit import discrepancies
from services.order.service.rows import goods_of, saga_of
from tests.order.process import TO_STOCK
from tests.order.running import Running
from tests.order.shop import CUSTOMER
from tests.order.world import ASKS, News, Payment, Stock, sent_of

AT_ONCE = 4
ROUNDS = 15
TOTAL = 4_085
PIECES = {"MUG": 2, "PEN": 1}
PLACE = """
    INSERT INTO orders (
        id, user_id, home_region, cart_id, cart_version, order_status, payment_status,
        shipment_status, stock_returned, currency, subtotal_minor, shipping_minor, tax_minor,
        tax_included, total_minor, captured_minor, refunded_minor, payment_method,
        payment_version, address_id, ship_to, version, last_sequence, checks, created_at,
        next_check_at, rates_version, shipping_tax_basis_points, shipping_flat_minor,
        shipping_free_from_minor
    )
    SELECT id, :customer, 'us-east-1', id, 1, 'pending', 'pending', 'pending', false, 'USD', 3250,
        599, 236, false, 4085, 0, 0, 'tok_ok', 0, 'adr', CAST(:ship_to AS jsonb), 1, 1, 0,
        now() - make_interval(hours => :hours), now(), 'test', 0, 599, 5000
    FROM unnest(CAST(:ids AS text[])) AS new (id)
"""
LINES = """
    INSERT INTO order_lines (
        order_id, line_number, sku, title, quantity, unit_price_minor, currency, price_version,
        tax_basis_points, tax_minor
    )
    SELECT id, number, sku, sku, quantity, price, 'USD', 1, 725, tax
    FROM unnest(CAST(:ids AS text[])) AS new (id),
        (VALUES (1, 'MUG', 2, 1500, 218), (2, 'PEN', 1, 250, 18))
            AS line (number, sku, quantity, price, tax)
"""
ADDRESS = dict.fromkeys(("recipient", "line1", "line2", "city", "region", "postal_code"), "x")


@dataclass
class Neighbours:
    """One model of payment and of product per order."""

    running: Running
    payments: dict[str, Payment] = field(default_factory=dict)
    stocks: dict[str, Stock] = field(default_factory=dict)
    position: int = 0

    async def place(self, count: int, hours: int = 0) -> list[str]:
        """Write orders as checkout does, that many hours old; nothing was asked for yet, the sweeper will."""
        ids = [new_id("ord") for _ in range(count)]
        ship_to = json.dumps(ADDRESS | {"country": "US"})
        await self.running.sql(PLACE, customer=CUSTOMER, hours=hours, ids=ids, ship_to=ship_to)
        await self.running.sql(LINES, ids=ids)
        for order_id in ids:
            self.payments[order_id] = Payment(TOTAL, "USD")
            self.stocks[order_id] = Stock(PIECES)
        return ids

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
