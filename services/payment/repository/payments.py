"""Payments and refunds; every change of state is a compare-and-set under the payment's row lock."""

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.messaging import inbox
from libs.money import Money
from services.payment.domain.records import Payment, Refund
from services.payment.domain.states import PaymentState, RefundState
from services.payment.models import PaymentRow, RefundRow


class StateConflictError(Exception):
    """A payment was not in the state its change started from; the transaction must not commit."""


class PaymentRepository:
    """Reads and changes payments. Methods named `locked...` hold the row until the transaction ends."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(
        self,
        *,
        payment_id: str,
        order_id: str,
        user_id: str | None,
        home_region: str,
        money: Money | None,
        payment_method: str | None,
        state: PaymentState,
        decline_reason: str | None = None,
        return_url: str | None = None,
    ) -> Payment | None:
        """Insert the order's one payment, or return None when it has one already."""
        statement = (
            insert(PaymentRow)
            .values(
                id=payment_id,
                order_id=order_id,
                user_id=user_id,
                home_region=home_region,
                amount_minor=money.amount_minor if money else None,
                currency=money.currency if money else None,
                payment_method=payment_method,
                state=state,
                decline_reason=decline_reason,
                return_url=return_url,
            )
            .on_conflict_do_nothing()
            .returning(PaymentRow)
        )
        row = (await self._session.execute(statement)).scalar_one_or_none()
        return payment_of(row) if row else None

    async def get(self, payment_id: str) -> Payment | None:
        row = await self._session.scalar(select(PaymentRow).where(PaymentRow.id == payment_id))
        return payment_of(row) if row else None

    async def by_order(self, order_id: str) -> Payment | None:
        row = await self._session.scalar(select(PaymentRow).where(PaymentRow.order_id == order_id))
        return payment_of(row) if row else None

    async def locked(self, payment_id: str) -> Payment | None:
        return await self._locked(PaymentRow.id == payment_id)

    async def locked_by_order(self, order_id: str) -> Payment | None:
        return await self._locked(PaymentRow.order_id == order_id)

    async def change(self, payment: Payment, state: PaymentState, **values: object) -> Payment:
        """Move the payment on from the state and version it was read in, together with other columns.

        Messages that were parked because it had not moved yet become due.

        Raises:
            StateConflictError: it is somewhere else; cannot happen while its row is locked.
        """
        changed = await self._update(payment, state=state, **values)
        if changed is None:
            raise StateConflictError(f"{payment.id} is no longer {payment.state}")
        if changed.state is not payment.state:
            await inbox.advanced(self._session, payment.id)
        return changed

    async def touch(self, payment: Payment, **values: object) -> Payment:
        """Give the payment a new version, for an event or a change that is not one of state."""
        return await self.change(payment, payment.state, **values)

    async def _locked(self, condition: object) -> Payment | None:
        statement = (
            select(PaymentRow)
            .where(condition)  # type: ignore[arg-type]  # a column comparison
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        row = await self._session.scalar(statement)
        return payment_of(row) if row else None

    async def _update(self, payment: Payment, **values: object) -> Payment | None:
        statement = (
            update(PaymentRow)
            .where(
                PaymentRow.id == payment.id,
                PaymentRow.state == payment.state,
                PaymentRow.version == payment.version,
            )
            .values(version=PaymentRow.version + 1, updated_at=func.now(), **values)
            .returning(PaymentRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        row = (await self._session.execute(statement)).scalar_one_or_none()
        return payment_of(row) if row else None


class RefundRepository:
    """Reads and changes refunds; only under the lock of their payment."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def create(
        self,
        *,
        refund_id: str,
        payment_id: str,
        money: Money,
        reason: str,
        failure_reason: str | None = None,
    ) -> Refund:
        """Insert a refund: requested, or failed when a reason against it is given."""
        statement = (
            insert(RefundRow)
            .values(
                id=refund_id,
                payment_id=payment_id,
                amount_minor=money.amount_minor,
                currency=money.currency,
                reason=reason,
                state=RefundState.FAILED if failure_reason else RefundState.REQUESTED,
                failure_reason=failure_reason,
            )
            .returning(RefundRow)
        )
        return _refund((await self._session.execute(statement)).scalar_one())

    async def get(self, refund_id: str) -> Refund | None:
        row = await self._session.scalar(select(RefundRow).where(RefundRow.id == refund_id))
        return _refund(row) if row else None

    async def of_payment(self, payment_id: str) -> list[Refund]:
        rows = await self._session.scalars(
            select(RefundRow).where(RefundRow.payment_id == payment_id).order_by(RefundRow.id)
        )
        return [_refund(row) for row in rows]

    async def promised_minor(self, payment_id: str) -> int:
        """Sum the refunds made and those under way."""
        total = await self._session.scalar(
            select(func.coalesce(func.sum(RefundRow.amount_minor), 0)).where(
                RefundRow.payment_id == payment_id, RefundRow.state != RefundState.FAILED
            )
        )
        return int(total or 0)

    async def settle(
        self, refund_id: str, *, reference: str | None = None, failure_reason: str | None = None
    ) -> Refund:
        """End a requested refund: succeeded, or failed when a reason is given."""
        statement = (
            update(RefundRow)
            .where(RefundRow.id == refund_id, RefundRow.state == RefundState.REQUESTED)
            .values(
                state=RefundState.FAILED if failure_reason else RefundState.SUCCEEDED,
                failure_reason=failure_reason,
                provider_reference=reference,
                updated_at=func.now(),
            )
            .returning(RefundRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        return _refund((await self._session.execute(statement)).scalar_one())


def payment_of(row: PaymentRow) -> Payment:
    """Return a row as the rules see it."""
    known = row.amount_minor is not None and row.currency is not None
    return Payment(
        id=row.id,
        order_id=row.order_id,
        user_id=row.user_id,
        money=Money(row.amount_minor or 0, row.currency or "") if known else None,
        payment_method=row.payment_method,
        state=PaymentState(row.state),
        void_requested=row.void_requested,
        provider_reference=row.provider_reference,
        decline_reason=row.decline_reason,
        return_url=row.return_url,
        redirect_url=row.redirect_url,
        captured_minor=row.captured_minor,
        refunded_minor=row.refunded_minor,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _refund(row: RefundRow) -> Refund:
    return Refund(
        id=row.id,
        payment_id=row.payment_id,
        money=Money(row.amount_minor, row.currency),
        reason=row.reason,
        state=RefundState(row.state),
        failure_reason=row.failure_reason,
    )
