"""A copy of everything: asked for after a step-up, put together while it is fetched, and kept nowhere."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from libs.audit.log import AuditLog
from libs.clock import Clock
from libs.database.session import Database
from libs.erasure.export import PersonalData
from services.user.errors import ExportExpired, ExportNotFound
from services.user.models import DataExport
from services.user.repository.privacy import ExportRepository
from services.user.schemas.privacy import ExportDocument, ExportView

LIFETIME: Final = timedelta(hours=24)


class Part(Protocol):
    """A service that knows something of people."""

    async def export(self, user_id: str) -> PersonalData: ...


@dataclass(frozen=True)
class ExportService:
    """Use cases of one request, inside its transaction."""

    exports: ExportRepository
    log: AuditLog

    async def request(self, export_id: str, user_id: str) -> ExportView:
        """Give somebody the right to fetch a copy, for a day."""
        made = await self.exports.add(export_id, user_id, LIFETIME)
        await self.log.record("export.requested", user_id, export_id)
        return _view(made)


@dataclass(frozen=True)
class Exporting:
    """Puts a copy together; the services are asked all at once, with no transaction open."""

    database: Database
    parts: Mapping[str, Part]
    clock: Clock

    async def download(self, export_id: str, user_id: str) -> ExportDocument:
        """Return everything about a user.

        Raises:
            ExportNotFound: no such export, or somebody else's.
            ExportExpired: it was asked for too long ago.
            DependencyUnavailable: a service did not answer; a copy that lacks something is none.
        """
        async with self.database.transaction() as session:
            exports = ExportRepository(session)
            found = await exports.find(export_id, user_id)
            if found is None:
                raise ExportNotFound("None of your exports has this id.")
            if not found[1]:
                raise ExportExpired("Ask for a new one: POST /v1/me/exports.")
            await AuditLog(session).record("export.downloaded", user_id, export_id)
            own = await exports.own_part(user_id)
        others = await asyncio.gather(*(part.export(user_id) for part in self.parts.values()))
        services = {"user": own, **dict(zip(self.parts, others, strict=True))}
        return ExportDocument(
            format="meridian-personal-data/1",
            exported_at=self.clock.now(),
            user_id=user_id,
            services=services,
        )


def _view(made: DataExport) -> ExportView:
    return ExportView(
        export_id=made.id,
        requested_at=made.requested_at,
        expires_at=made.expires_at,
        href=f"/v1/me/exports/{made.id}",
    )
