"""The ledger: rows are added and read, never changed; the database refuses anything else."""

from collections.abc import Iterable

from sqlalchemy import case, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from libs.ids import new_id
from services.payment.domain.ledger import Entry, Side
from services.payment.domain.records import Balance, LedgerLine, Payment
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

    async def imbalance_minor(self) -> int:
        """Sum what debits and credits differ by, over all currencies; the schema keeps it at zero."""
        signed = case((LedgerEntryRow.side == Side.DEBIT, 1), else_=-1)
        per_currency = (
            select(func.abs(func.sum(signed * LedgerEntryRow.amount_minor)).label("off"))
            .group_by(LedgerEntryRow.currency)
            .subquery()
        )
        total = await self._session.scalar(select(func.coalesce(func.sum(per_currency.c.off), 0)))
        return int(total or 0)

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
