"""Reads the six schemas with plain SQL, as the administrator, and knows the shop by its tables alone."""

import json
from pathlib import Path
from typing import Any, Final

import asyncpg

from torture.checker.records import (
    Entry,
    Message,
    Order,
    OrderLine,
    Payment,
    Received,
    Refund,
    Reserved,
    Step,
    Stock,
)

SERVICES: Final = ("auth", "user", "product", "cart", "order", "payment")

_ORDERS: Final = """
SELECT id, user_id, cart_id, cart_version, order_status, payment_status, shipment_status, currency,
       total_minor, captured_minor, refunded_minor, last_sequence, next_check_at IS NULL AS settled
FROM shop_order.orders
"""
_LINES: Final = """
SELECT line.order_id, line.sku, line.quantity, coalesce(back.pieces, 0)::bigint AS given_back
FROM shop_order.order_lines AS line
LEFT JOIN (
    SELECT a.order_id, piece.sku, sum(piece.quantity) AS pieces
    FROM shop_order.adjustments AS a
    JOIN shop_order.adjustment_lines AS piece ON piece.adjustment_id = a.id
    WHERE a.restock = 'done' GROUP BY a.order_id, piece.sku
) AS back USING (order_id, sku)
"""
_STEPS: Final = """
SELECT order_id, sequence, axis, from_status AS before, to_status AS after, cause_event_id, at
FROM shop_order.order_timeline
"""
_REFUNDS: Final = "SELECT id, order_id, amount_minor, status FROM shop_order.refunds"
_PAYMENTS: Final = """
SELECT id, order_id, state, currency, captured_minor, refunded_minor FROM shop_payment.payments
"""
_ENTRIES: Final = """
SELECT e.transaction_id, t.order_id, t.purpose, e.account, e.side, e.amount_minor, e.currency
FROM shop_payment.ledger_entries AS e
JOIN shop_payment.ledger_transactions AS t ON t.id = e.transaction_id
"""
_STOCK: Final = """
WITH piles AS (
    SELECT sku, received, available, held, sold FROM shop_product.stock_levels
    UNION ALL SELECT sku, received, available, held, sold FROM shop_product.stock_buckets
)
SELECT sku, sum(received)::bigint AS received, sum(available)::bigint AS available,
       sum(held)::bigint AS held, sum(sold)::bigint AS sold,
       coalesce((SELECT sum(quantity) FROM shop_product.stock_adjustments AS ledger
                 WHERE ledger.sku = piles.sku), 0)::bigint AS adjusted
FROM piles GROUP BY sku
"""
_RESERVED: Final = """
SELECT r.order_id, r.state, line.sku, line.quantity, line.returned
FROM shop_product.reservations AS r JOIN shop_product.reservation_lines AS line USING (order_id)
"""
_MESSAGES: Final = """
SELECT id::text, type, destination, aggregate_id AS subject, created_at,
       published_at IS NOT NULL AS published, envelope::jsonb ->> 'causationid' AS causation_id,
       coalesce(envelope::jsonb #>> '{{data,order_id}}', '') AS order_id,
       coalesce(envelope::jsonb #>> '{{data,refund_id}}', envelope::jsonb #>> '{{data,return_id}}',
                envelope::jsonb #>> '{{data,shipment_id}}', '') AS detail
FROM shop_{service}.outbox_messages
"""
_RECEIVED: Final = "SELECT event_id::text, type, status FROM shop_{service}.inbox_messages"


class Shop:
    """The databases of the six services behind one administrator's connection."""

    def __init__(self, connection: asyncpg.Connection, routing: Path) -> None:
        self._connection = connection
        self._routing = json.loads(routing.read_text(encoding="utf-8"))

    async def orders(self) -> list[Order]:
        return [Order(**row) for row in await self._rows(_ORDERS)]

    async def lines(self) -> list[OrderLine]:
        return [OrderLine(**row) for row in await self._rows(_LINES)]

    async def steps(self) -> list[Step]:
        return [Step(**row) for row in await self._rows(_STEPS)]

    async def refunds(self) -> list[Refund]:
        return [Refund(**row) for row in await self._rows(_REFUNDS)]

    async def payments(self) -> list[Payment]:
        return [Payment(**row) for row in await self._rows(_PAYMENTS)]

    async def entries(self) -> list[Entry]:
        return [Entry(**row) for row in await self._rows(_ENTRIES)]

    async def stock(self) -> list[Stock]:
        return [Stock(**row) for row in await self._rows(_STOCK)]

    async def reserved(self) -> list[Reserved]:
        return [Reserved(**row) for row in await self._rows(_RESERVED)]

    async def messages(self) -> list[Message]:
        """Return every outbox's rows with the services that must receive each."""
        found = []
        for service in SERVICES:
            for row in await self._rows(_MESSAGES.format(service=service)):
                destination = row.pop("destination")
                readers = self._readers(row["type"], destination)
                found.append(Message(service=service, readers=readers, **row))
        return found

    async def received(self) -> list[Received]:
        """Return every inbox's rows."""
        return [
            Received(service=service, **row)
            for service in SERVICES
            for row in await self._rows(_RECEIVED.format(service=service))
        ]

    async def count(self, sql: str) -> int:
        """Return the one number a query asks for."""
        return int(await self._connection.fetchval(sql))

    def _readers(self, type_: str, destination: str) -> tuple[str, ...]:
        """Look up who must receive a message, in the routing table that is data to everybody."""
        queues = self._routing["command_queues"]
        addressed = [
            name for name, queue in queues.items() if destination == f"queue:{queue['name']}"
        ]
        subscribed = [
            row["consumer"] for row in self._routing["subscriptions"] if type_ in row["types"]
        ]
        return tuple(addressed or subscribed)

    async def _rows(self, sql: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self._connection.fetch(sql)]
