"""What people allowed which application."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models import Consent, OAuthClient, RefreshFamily


@dataclass(frozen=True)
class Allowed:
    """An application somebody allowed something, since when, and when it last used that, while that is known."""

    client_id: str
    name: str
    scopes: list[str]
    granted_at: datetime
    last_used_at: datetime | None


class ConsentRepository:
    """Consents, one row per person, application and scope."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def given(self, user_id: str, client_id: str) -> frozenset[str]:
        found = await self._session.scalars(
            select(Consent.scope).where(Consent.user_id == user_id, Consent.client_id == client_id)
        )
        return frozenset(found)

    async def give(self, user_id: str, client_id: str, scopes: Collection[str]) -> None:
        rows = [{"user_id": user_id, "client_id": client_id, "scope": scope} for scope in scopes]
        await self._session.execute(insert(Consent).values(rows).on_conflict_do_nothing())

    async def take_back(self, user_id: str, client_id: str) -> Sequence[str]:
        """Forget what the person allowed the application; return the scopes that were."""
        taken = await self._session.scalars(
            delete(Consent)
            .where(Consent.user_id == user_id, Consent.client_id == client_id)
            .returning(Consent.scope)
        )
        return sorted(taken)

    async def of_person(self, user_id: str, after: str, limit: int) -> Sequence[Allowed]:
        """Return applications by id, those after `after`; switched-off ones too, for their consent stands."""
        last_used = (
            select(func.max(RefreshFamily.last_used_at))
            .where(RefreshFamily.user_id == user_id, RefreshFamily.client_id == OAuthClient.id)
            .scalar_subquery()
        )
        found = await self._session.execute(
            select(
                OAuthClient.id,
                OAuthClient.name,
                func.array_agg(aggregate_order_by(Consent.scope, Consent.scope)),
                func.min(Consent.granted_at),
                last_used,
            )
            .join(Consent, Consent.client_id == OAuthClient.id)
            .where(Consent.user_id == user_id, OAuthClient.id > after)
            .group_by(OAuthClient.id)
            .order_by(OAuthClient.id)
            .limit(limit)
        )
        return [
            Allowed(client_id, name, list(scopes), granted_at, last_used_at)
            for client_id, name, scopes, granted_at, last_used_at in found
        ]
