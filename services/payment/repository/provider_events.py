"""Webhooks as they came: stored once per provider event id, processed once."""

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.payment.domain.records import ProviderEvent
from services.payment.models import ProviderEventRow


class ProviderEventRepository:
    """Stores and marks provider events."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def store(self, *, provider_event_id: str, event_type: str, body: str) -> bool:
        """Keep an event; False when it is known already."""
        statement = (
            insert(ProviderEventRow)
            .values(provider_event_id=provider_event_id, type=event_type, body=body)
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
        return [ProviderEvent(row.id, row.provider_event_id, row.type, row.body) for row in rows]

    async def close(self, event_id: int, state: str, *, note: str | None = None) -> bool:
        """Mark an event processed; False when another worker did."""
        statement = (
            update(ProviderEventRow)
            .where(ProviderEventRow.id == event_id, ProviderEventRow.state == "pending")
            .values(state=state, note=note, processed_at=func.now())
            .returning(ProviderEventRow.id)
            .execution_options(synchronize_session=False)
        )
        return (await self._session.execute(statement)).scalar_one_or_none() is not None
