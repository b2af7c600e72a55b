"""A day's trade written straight into both books: ours in PostgreSQL, the simulator's in its SQLite file.

Nothing but the two formats is shared with the code under test, so a break is exactly what was written.
"""

import json
import random
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from libs.ids import new_id

METHOD = "tok_ok"


@dataclass
class Sale:
    """A payment as both books should have it."""

    payment_id: str
    order_id: str
    charge: str
    amount: int
    currency: str
    state: str
    refunds: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def taken(self) -> int:
        return 0 if self.state in ("authorized", "voided", "declined") else self.amount


class World:
    """Writes sales, then bends one side."""

    def __init__(self, admin: asyncpg.Connection, book: Path, day: date, seed: int) -> None:
        self._admin = admin
        self._book = book / "book.sqlite3"
        self.day = day
        self._dice = random.Random(seed)  # noqa: S311 - a repeatable day, no secret
        self.sales: list[Sale] = []
        self.expected: set[tuple[str, str]] = set()

    def moment(self) -> datetime:
        return datetime.combine(self.day, time(), UTC) + timedelta(
            seconds=self._dice.randrange(86_400)
        )

    async def trade(self, count: int) -> None:
        """Write sales in every state on which both books agree."""
        states = (
            "captured",
            "captured",
            "captured",
            "authorized",
            "voided",
            "declined",
            "refunded",
        )
        for number in range(count):
            state = states[number % len(states)]
            amount = self._dice.randrange(200, 50_000)
            currency = self._dice.choice(["USD", "EUR", "JPY", "KWD"])
            sale = Sale(new_id("pay"), new_id("ord"), new_id("ch"), amount, currency, state)
            if state == "refunded":
                sale.refunds.append((new_id("rfd"), new_id("re"), amount // 2))
                sale.state = "partially_refunded"
            await self._write(sale)
            self.sales.append(sale)

    def sale(self, state: str) -> Sale:
        """Take a sale in a state out of the pool, so that it is bent once."""
        found = next(sale for sale in self.sales if sale.state == state)
        self.sales.remove(found)
        return found

    def expect(self, kind: str, subject: str) -> None:
        self.expected.add((kind, subject))

    def their_charge(
        self,
        payment_id: str | None,
        order_id: str,
        *,
        amount: int = 700,
        status: str = "captured",
        currency: str = "USD",
        reference: str | None = None,
        taken: int | None = None,
    ) -> str:
        reference = reference or new_id("ch")
        metadata = {"payment_id": payment_id, "order_id": order_id} if payment_id else {}
        captured = (amount if status == "captured" else 0) if taken is None else taken
        self.theirs(
            "INSERT INTO charges (id, amount_minor, currency, payment_method, status,"
            " captured_minor, metadata, idempotency_key, created_at, day)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            reference,
            amount,
            currency,
            METHOD,
            status,
            captured,
            json.dumps(metadata),
            new_id("key"),
            self.moment().timestamp(),
            self.day.isoformat(),
        )
        return reference

    def their_refund(
        self,
        sale: Sale,
        refund_id: str | None,
        amount: int,
        *,
        reference: str | None = None,
        currency: str | None = None,
    ) -> str:
        reference = reference or new_id("re")
        metadata = {"payment_id": sale.payment_id, "order_id": sale.order_id}
        if refund_id:
            metadata["refund_id"] = refund_id
        self.theirs(
            "INSERT INTO refunds (id, charge_id, amount_minor, currency, metadata,"
            " idempotency_key, created_at, day) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            reference,
            sale.charge,
            amount,
            currency or sale.currency,
            json.dumps(metadata),
            new_id("key"),
            self.moment().timestamp(),
            self.day.isoformat(),
        )
        return reference

    def theirs(self, statement: str, *values: object) -> None:
        connection = sqlite3.connect(self._book, timeout=30)
        with connection:
            connection.execute(statement, values)
        connection.close()

    async def ours(self, statement: str, *values: object) -> None:
        await self._admin.execute(statement, *values)

    async def _write(self, sale: Sale) -> None:
        at = self.moment()
        status = {"partially_refunded": "captured"}.get(sale.state, sale.state)
        self.their_charge(
            sale.payment_id,
            sale.order_id,
            amount=sale.amount,
            status=status,
            currency=sale.currency,
            reference=sale.charge,
        )
        refunded = sum(amount for _, _, amount in sale.refunds)
        await self.our_payment(sale, at, refunded)
        if sale.taken:
            await self.book_entry(sale, "capture", sale.amount, at)
        for refund_id, reference, amount in sale.refunds:
            self.their_refund(sale, refund_id, amount, reference=reference)
            await self.our_refund(sale, refund_id, amount, at)
            await self.book_entry(sale, f"refund:{refund_id}", amount, at)

    async def our_payment(self, sale: Sale, at: datetime, refunded: int = 0) -> None:
        # Past the trigger that lets a payment begin in its first states only.
        await self._admin.execute("SET session_replication_role = replica")
        await self._admin.execute(
            "INSERT INTO payments (id, order_id, user_id, home_region, amount_minor, currency,"
            " payment_method, state, provider_reference, captured_minor, refunded_minor,"
            " created_at, updated_at) VALUES"
            " ($1, $2, 'usr_1', 'us-east-1', $3, $4, $5, $6, $7, $8, $9, $10, $10)",
            sale.payment_id,
            sale.order_id,
            sale.amount,
            sale.currency,
            METHOD,
            sale.state,
            None if sale.state == "declined" else sale.charge,
            sale.taken,
            refunded,
            at,
        )
        await self._admin.execute("SET session_replication_role = origin")

    async def our_refund(
        self, sale: Sale, refund_id: str, amount: int, at: datetime, state: str = "succeeded"
    ) -> None:
        await self._admin.execute(
            "INSERT INTO refunds (id, payment_id, amount_minor, currency, reason, state,"
            " created_at, updated_at) VALUES ($1, $2, $3, $4, 'returned', $5, $6, $6)",
            refund_id,
            sale.payment_id,
            amount,
            sale.currency,
            state,
            at,
        )

    async def book_entry(self, sale: Sale, purpose: str, amount: int, at: datetime) -> None:
        transaction = new_id("led")
        async with self._admin.transaction():
            await self._admin.execute(
                "INSERT INTO ledger_transactions (id, payment_id, order_id, purpose, created_at)"
                " VALUES ($1, $2, $3, $4, $5)",
                transaction,
                sale.payment_id,
                sale.order_id,
                purpose,
                at,
            )
            sides = [("provider_clearing", "debit"), ("sales", "credit")]
            if purpose != "capture":
                sides = [("refunds", "debit"), ("provider_clearing", "credit")]
            await self._admin.executemany(
                "INSERT INTO ledger_entries (transaction_id, account, side, amount_minor, currency)"
                " VALUES ($1, $2, $3, $4, $5)",
                [(transaction, account, side, amount, sale.currency) for account, side in sides],
            )

    async def forced(self, statement: str, *values: Any) -> None:
        """Change our book past every trigger, as nobody may."""
        await self._admin.execute("SET session_replication_role = replica")
        await self._admin.execute(statement, *values)
        await self._admin.execute("SET session_replication_role = origin")
