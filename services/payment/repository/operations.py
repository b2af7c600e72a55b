"""Calls to the provider: recorded before they are made, leased to one process, settled once."""

from datetime import timedelta

from sqlalchemy import extract, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.money import Money
from services.payment.domain.records import Backlog, Operation
from services.payment.domain.states import OPEN, OperationState, Purpose, provider_key
from services.payment.models import OperationRow


class OperationRepository:
    """Reads and changes operations. Leases are compared on the database's clock."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def intend(
        self,
        payment_id: str,
        purpose: Purpose,
        money: Money,
        *,
        lease_seconds: float,
        refund_id: str | None = None,
    ) -> Operation:
        """Record a call that is about to be made by this process."""
        statement = (
            insert(OperationRow)
            .values(
                key=provider_key(payment_id, purpose, refund_id),
                payment_id=payment_id,
                purpose=purpose,
                refund_id=refund_id,
                amount_minor=money.amount_minor,
                currency=money.currency,
                state=OperationState.INTENDED,
                next_attempt_at=func.now() + timedelta(seconds=lease_seconds),
            )
            .returning(OperationRow)
        )
        return _operation((await self._session.execute(statement)).scalar_one())

    async def get(self, key: str) -> Operation | None:
        row = await self._session.scalar(select(OperationRow).where(OperationRow.key == key))
        return _operation(row) if row else None

    async def claim(self, key: str, *, lease_seconds: float) -> Operation | None:
        """Take an open operation that is due; None when it is settled or somebody else is at it."""
        statement = (
            update(OperationRow)
            .where(
                OperationRow.key == key,
                OperationRow.state.in_(OPEN),
                OperationRow.next_attempt_at <= func.now(),
            )
            .values(
                attempts=OperationRow.attempts + 1,
                next_attempt_at=func.now() + timedelta(seconds=lease_seconds),
                updated_at=func.now(),
            )
            .returning(OperationRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        row = (await self._session.execute(statement)).scalar_one_or_none()
        return _operation(row) if row else None

    async def claim_due(self, *, limit: int, lease_seconds: float) -> list[Operation]:
        """Take open operations that are due, the longest waiting first; skips what others hold."""
        due = (
            select(OperationRow.key)
            .where(OperationRow.state.in_(OPEN), OperationRow.next_attempt_at <= func.now())
            .order_by(OperationRow.next_attempt_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        keys = list(await self._session.scalars(due))
        claimed = [await self.claim(key, lease_seconds=lease_seconds) for key in keys]
        return [operation for operation in claimed if operation is not None]

    async def unknown_backlog(self) -> Backlog:
        """Count the calls whose outcome is unknown, and tell how old the oldest is."""
        age = extract("epoch", func.now() - func.min(OperationRow.created_at))
        statement = select(func.count(), func.coalesce(age, 0)).where(
            OperationRow.state == OperationState.UNKNOWN
        )
        count, oldest = (await self._session.execute(statement)).one()
        return Backlog(count, float(oldest))

    async def settle(self, key: str, state: OperationState, *, error: str | None = None) -> bool:
        """Record the final answer; False when it was recorded before."""
        return await self._close(key, state=state, last_error=error)

    async def postpone(
        self,
        key: str,
        *,
        seconds: float,
        error: str,
        state: OperationState = OperationState.UNKNOWN,
    ) -> bool:
        """Record why there is no final answer and when to ask again; False when there is one by now."""
        return await self._close(
            key,
            state=state,
            last_error=error,
            next_attempt_at=func.now() + timedelta(seconds=seconds),
        )

    async def _close(self, key: str, **values: object) -> bool:
        statement = (
            update(OperationRow)
            .where(OperationRow.key == key, OperationRow.state.in_(OPEN))
            .values(updated_at=func.now(), **values)
            .returning(OperationRow.key)
            .execution_options(synchronize_session=False)
        )
        return (await self._session.execute(statement)).scalar_one_or_none() is not None


def _operation(row: OperationRow) -> Operation:
    return Operation(
        key=row.key,
        payment_id=row.payment_id,
        purpose=Purpose(row.purpose),
        refund_id=row.refund_id,
        money=Money(row.amount_minor, row.currency),
        state=OperationState(row.state),
        attempts=row.attempts,
    )
