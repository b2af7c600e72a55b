"""Queries on consents and exports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.export import Export, PersonalData
from libs.erasure.tombstones import require_living
from services.user.models import Base, Consent, DataExport

EXPORT: Final = Export(Base)


@dataclass(frozen=True)
class Given:
    """One yes or no that somebody says now."""

    document: str
    version: str
    given: bool
    source: str


class ConsentRepository:
    """What people said, never changed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def require_living(self, user_id: str) -> None:
        """Refuse to write for somebody who is forgotten, and keep them from being forgotten meanwhile."""
        await require_living(self._session, user_id)

    async def of(self, user_id: str) -> Sequence[Consent]:
        """Return everything somebody said, the oldest first."""
        found = await self._session.scalars(
            select(Consent).where(Consent.user_id == user_id).order_by(Consent.id)
        )
        return found.all()

    async def add(self, user_id: str, given: Sequence[Given]) -> None:
        """Write down what somebody says now."""
        await self._session.execute(
            insert(Consent),
            [
                {
                    "user_id": user_id,
                    "document": one.document,
                    "version": one.version,
                    "given": one.given,
                    "source": one.source,
                }
                for one in given
            ],
        )


class ExportRepository:
    """Exports, always looked up together with who asked for them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, export_id: str, user_id: str, lifetime: timedelta) -> DataExport:
        """Give somebody an export; those of theirs that are over go."""
        await self._session.execute(
            delete(DataExport).where(
                DataExport.user_id == user_id, DataExport.expires_at < func.now()
            )
        )
        found = await self._session.scalars(
            insert(DataExport)
            .values(id=export_id, user_id=user_id, expires_at=func.now() + lifetime)
            .returning(DataExport)
        )
        return found.one()

    async def find(self, export_id: str, user_id: str) -> tuple[DataExport, bool] | None:
        """Return an export of somebody's, and whether it can still be fetched."""
        found = await self._session.execute(
            select(DataExport, DataExport.expires_at > func.now()).where(
                DataExport.id == export_id, DataExport.user_id == user_id
            )
        )
        row = found.one_or_none()
        return None if row is None else (row[0], bool(row[1]))

    async def own_part(self, user_id: str) -> PersonalData:
        """Read what this service knows of somebody."""
        return await EXPORT.of(self._session, user_id)
