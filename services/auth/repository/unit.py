"""A unit of work: every repository over one session, so that use cases never see the session."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from libs.audit.log import AuditLog
from libs.contracts.auth import SecurityChanged
from libs.database.session import Database
from libs.messaging.outbox import Outbox
from services.auth.repository.challenges import ChallengeRepository
from services.auth.repository.families import FamilyRepository
from services.auth.repository.identities import IdentityRepository
from services.auth.repository.mail_requests import MailRequestRepository
from services.auth.repository.second_factors import SecondFactorRepository


@dataclass(frozen=True)
class Unit:
    """What commits together."""

    identities: IdentityRepository
    families: FamilyRepository
    factors: SecondFactorRepository
    challenges: ChallengeRepository
    mail_requests: MailRequestRepository
    outbox: Outbox
    audit: AuditLog

    async def tell(
        self, user_id: str, change: str, request_id: str | None = None, *, by: str | None = None
    ) -> None:
        """Let the owner of an account hear what happened to it, and keep it in the audit log.

        Args:
            user_id: whose account.
            change: a word of `SecurityChanged`.
            request_id: the mail request that names another address to tell.
            by: who did it, if not the owner.
        """
        await self.audit.record(f"identity.{change}", by or user_id, user_id)
        version = await self.identities.next_version(user_id)
        event = SecurityChanged(user_id=user_id, change=change, request_id=request_id)
        await self.outbox.add(event, aggregate_version=version)


def unit_of(session: AsyncSession, outbox: Outbox, audit: AuditLog) -> Unit:
    """Build the unit of one session."""
    return Unit(
        identities=IdentityRepository(session),
        families=FamilyRepository(session),
        factors=SecondFactorRepository(session),
        challenges=ChallengeRepository(session),
        mail_requests=MailRequestRepository(session),
        outbox=outbox,
        audit=audit,
    )


@dataclass(frozen=True)
class Units:
    """Opens short transactions, between which passwords are hashed and Redis is called."""

    database: Database
    outbox_of: Callable[[AsyncSession], Outbox]

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Unit]:
        """Give a unit whose work is committed at the end of the block, or rolled back if it raises."""
        async with self.database.transaction() as session:
            yield unit_of(session, self.outbox_of(session), AuditLog(session))
