"""The ledger: rows are added and read, never changed; the database refuses anything else."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import case, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from libs.ids import new_id
from services.payment.domain.ledger import Entry, Side
from services.payment.domain.records import Balance, LedgerLine, Payment, Stretch
from services.payment.models import LedgerEntryRow, LedgerTransactionRow


class LedgerRepository:
    """Posts and reads ledger transactions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def post(self, payment: Payment, purpose: str, entries: Iterable[Entry]) -> None:
        """Book a movement; a second one for the same payment and purpose breaks a unique constraint."""
        transaction_id = new_id("led")
        await self._session.execute(
            insert(LedgerTransactionRow).values(
                id=transaction_id,
                payment_id=payment.id,
                order_id=payment.order_id,
                purpose=purpose,
            )
        )
        await self._session.execute(
            insert(LedgerEntryRow),
            [
                {
                    "transaction_id": transaction_id,
                    "account": entry.account,
                    "side": entry.side,
                    "amount_minor": entry.money.amount_minor,
                    "currency": entry.money.currency,
                }
                for entry in entries
            ],
        )

    async def balances(self) -> list[Balance]:
        """Sum every account per currency."""
        debit = func.sum(LedgerEntryRow.amount_minor).filter(LedgerEntryRow.side == Side.DEBIT)
        credit = func.sum(LedgerEntryRow.amount_minor).filter(LedgerEntryRow.side == Side.CREDIT)
        key = (LedgerEntryRow.account, LedgerEntryRow.currency)
        statement = select(*key, func.coalesce(debit, 0), func.coalesce(credit, 0))
        rows = await self._session.execute(statement.group_by(*key).order_by(*key))
        return [
            Balance(account, currency, int(debits), int(credits_))
            for account, currency, debits, credits_ in rows
        ]

    async def off_after(self, after: int, *, limit: int, settled_seconds: float) -> list[Stretch]:
        """Sum, per currency, what debits exceed credits by in the next `limit` entries behind `after`.

        It stops before the first entry that is younger than `settled_seconds`: ids are given before the commit, so a
        younger one may have older neighbours that nobody sees yet.
        """
        entry = LedgerEntryRow
        settled = entry.created_at < func.now() - timedelta(seconds=settled_seconds)
        signed = case((entry.side == Side.DEBIT, entry.amount_minor), else_=-entry.amount_minor)
        found = (
            select(entry.id, entry.currency, signed.label("signed"), settled.label("settled"))
            .where(entry.id > after)
            .order_by(entry.id)
            .limit(limit)
            .cte("found")
        )
        too_young = select(func.min(found.c.id)).where(~found.c.settled).scalar_subquery()
        rows = await self._session.execute(
            select(
                found.c.currency,
                func.max(found.c.id),
                func.count(),
                func.sum(found.c.signed),
            )
            .where(found.c.id < func.coalesce(too_young, found.c.id + 1))
            .group_by(found.c.currency)
        )
        return [Stretch(currency, last, entries, int(off)) for currency, last, entries, off in rows]

    async def lines(self, *, order_id: str | None, after: int, limit: int) -> list[LedgerLine]:
        """List entries in the order they were booked."""
        entry, transaction = LedgerEntryRow, LedgerTransactionRow
        statement = (
            select(
                entry.id,
                entry.transaction_id,
                transaction.payment_id,
                transaction.order_id,
                transaction.purpose,
                entry.account,
                entry.side,
                entry.amount_minor,
                entry.currency,
                entry.created_at,
            )
            .join(transaction, transaction.id == entry.transaction_id)
            .where(entry.id > after)
            .order_by(entry.id)
            .limit(limit)
        )
        if order_id is not None:
            statement = statement.where(transaction.order_id == order_id)
        rows = await self._session.execute(statement)
        return [LedgerLine(**row) for row in rows.mappings()]
