"""Our side of a comparison with the provider's book: payments, refunds and what the ledger says of them."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from services.payment.domain.ledger import Side
from services.payment.domain.reconciliation import OurRefund
from services.payment.domain.records import Payment
from services.payment.domain.states import RefundState
from services.payment.models import LedgerEntryRow, LedgerTransactionRow, PaymentRow, RefundRow
from services.payment.repository.payments import payment_of


class BookRepository:
    """Reads what one comparison needs, by pages of ids."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def payments(
        self, ids: Collection[str], references: Collection[str]
    ) -> tuple[dict[str, Payment], dict[str, Payment]]:
        """Return the payments with these ids, by id, and those with these provider's references, by reference."""
        rows = await self._session.scalars(
            select(PaymentRow).where(
                or_(PaymentRow.id.in_(ids), PaymentRow.provider_reference.in_(references))
            )
        )
        found = [payment_of(row) for row in rows]
        return (
            {payment.id: payment for payment in found},
            {one.provider_reference: one for one in found if one.provider_reference},
        )

    async def refunds(self, ids: Collection[str]) -> dict[str, OurRefund]:
        rows = await self._session.execute(_refunds().where(RefundRow.id.in_(ids)))
        return {row.RefundRow.id: _refund(row.RefundRow, row.PaymentRow) for row in rows}

    async def payments_of_day(self, day: date, *, after: str, limit: int) -> list[Payment]:
        """List payments that began or changed on a UTC day, in order of id."""
        rows = await self._session.scalars(
            select(PaymentRow)
            .where(
                or_(_within(PaymentRow.created_at, day), _within(PaymentRow.updated_at, day)),
                PaymentRow.id > after,
            )
            .order_by(PaymentRow.id)
            .limit(limit)
        )
        return [payment_of(row) for row in rows]

    async def refunds_of_day(self, day: date, *, after: str, limit: int) -> list[OurRefund]:
        """List refunds that went through and were asked for on a UTC day, in order of id."""
        rows = await self._session.execute(
            _refunds()
            .where(
                _within(RefundRow.created_at, day),
                RefundRow.state == RefundState.SUCCEEDED,
                RefundRow.id > after,
            )
            .order_by(RefundRow.id)
            .limit(limit)
        )
        return [_refund(row.RefundRow, row.PaymentRow) for row in rows]

    async def booked(self, payment_ids: Collection[str]) -> dict[tuple[str, str], int]:
        """Sum what the ledger holds, by payment and purpose."""
        key = (LedgerTransactionRow.payment_id, LedgerTransactionRow.purpose)
        rows = await self._session.execute(
            select(*key, func.sum(LedgerEntryRow.amount_minor))
            .join(LedgerEntryRow, LedgerEntryRow.transaction_id == LedgerTransactionRow.id)
            .where(
                LedgerTransactionRow.payment_id.in_(payment_ids), LedgerEntryRow.side == Side.DEBIT
            )
            .group_by(*key)
        )
        return {(payment_id, purpose): int(total) for payment_id, purpose, total in rows}

    async def first_day(self) -> date | None:
        """Return the UTC day of the first payment ever; None when there is none."""
        first = await self._session.scalar(select(func.min(PaymentRow.created_at)))
        return first.astimezone(UTC).date() if first else None


def _refunds() -> Select[RefundRow, PaymentRow]:
    return select(RefundRow, PaymentRow).join(PaymentRow, PaymentRow.id == RefundRow.payment_id)


def _within(moment: InstrumentedAttribute[datetime], day: date) -> ColumnElement[bool]:
    start = datetime.combine(day, time(), UTC)
    return (moment >= start) & (moment < start + timedelta(days=1))


def _refund(row: RefundRow, payment: PaymentRow) -> OurRefund:
    return OurRefund(
        id=row.id,
        payment_id=row.payment_id,
        order_id=payment.order_id,
        charge_reference=payment.provider_reference,
        state=RefundState(row.state),
        amount_minor=row.amount_minor,
        currency=row.currency,
        updated_at=row.updated_at,
    )
