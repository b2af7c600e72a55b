"""Webhooks as they came: stored once per provider event id, processed once."""

from sqlalchemy import case, extract, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.tables import erased_users
from services.payment.domain.records import Backlog, ProviderEvent
from services.payment.models import PaymentRow, ProviderEventRow
from services.payment.repository.erasure import EMPTY_BODY


class ProviderEventRepository:
    """Stores and marks provider events."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def store(
        self, *, provider: str, provider_event_id: str, event_type: str, body: str
    ) -> bool:
        """Keep an event; False when it is known already."""
        statement = (
            insert(ProviderEventRow)
            .values(
                provider=provider,
                provider_event_id=provider_event_id,
                type=event_type,
                body=body,
            )
            .on_conflict_do_nothing(index_elements=[ProviderEventRow.provider_event_id])
            .returning(ProviderEventRow.id)
        )
        return (await self._session.execute(statement)).scalar_one_or_none() is not None

    async def pending(self, *, after: int, limit: int) -> list[ProviderEvent]:
        """List events to process, oldest first, from after the given one, without locking them: the payment's lock comes first."""
        rows = await self._session.scalars(
            select(ProviderEventRow)
            .where(ProviderEventRow.state == "pending", ProviderEventRow.id > after)
            .order_by(ProviderEventRow.id)
            .limit(limit)
        )
        return [
            ProviderEvent(
                row.id, row.provider, row.provider_event_id, row.type, row.body, row.received_at
            )
            for row in rows
        ]

    async def backlog(self) -> Backlog:
        """Count the events that are not processed, and tell how old the oldest is."""
        age = extract("epoch", func.now() - func.min(ProviderEventRow.received_at))
        statement = select(func.count(), func.coalesce(age, 0)).where(
            ProviderEventRow.state == "pending"
        )
        count, oldest = (await self._session.execute(statement)).one()
        return Backlog(count, float(oldest))

    async def close(
        self, event_id: int, state: str, *, note: str | None = None, payment_id: str | None = None
    ) -> float | None:
        """Mark an event processed; returns the seconds it waited, None when another worker was first.

        What it said of a payment whose owner is forgotten is not kept.
        """
        forgotten = (
            select(PaymentRow.id)
            .join(erased_users, erased_users.c.user_id == PaymentRow.user_id)
            .where(PaymentRow.id == payment_id)
            .exists()
        )
        statement = (
            update(ProviderEventRow)
            .where(ProviderEventRow.id == event_id, ProviderEventRow.state == "pending")
            .values(
                state=state,
                note=note,
                payment_id=payment_id,
                processed_at=func.now(),
                body=case((forgotten, EMPTY_BODY), else_=ProviderEventRow.body),
            )
            .returning(extract("epoch", func.now() - ProviderEventRow.received_at))
            .execution_options(synchronize_session=False)
        )
        waited = (await self._session.execute(statement)).scalar_one_or_none()
        return None if waited is None else float(waited)
