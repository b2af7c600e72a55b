"""What people allowed applications: reviewed and taken back by whoever gave it."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.audit.log import AuditLog
from libs.cache.sessions import SessionStore
from libs.database.session import Database
from services.auth.repository import (
    Allowed,
    ClientRepository,
    ClientSessionRepository,
    CodeRepository,
    ConsentRepository,
    IdentityRepository,
)
from services.auth.service.ending import SessionEnding


@dataclass(frozen=True)
class Consents:
    """The consents of one person at a time."""

    database: Database
    sessions: SessionStore

    async def of_person(self, user_id: str, after: str, limit: int) -> Sequence[Allowed]:
        """Return the applications somebody allowed something, by id, those after `after`."""
        async with self.database.transaction() as session:
            return await ConsentRepository(session).of_person(user_id, after, limit)

    async def take_back(self, user_id: str, client_id: str) -> None:
        """Let an application have nothing of this person any more; doing it again, or of an unknown one, changes nothing.

        Its codes and sessions end with the consent, also what it may keep beyond a logout. The account is held first, and
        whoever makes a code or redeems one holds it too, so that nothing begins in between that would live on.

        Raises:
            SessionStoreUnavailable: nothing can be refreshed any more, but records live on in Redis: try again.
        """
        async with self.database.transaction() as session:
            await IdentityRepository(session).find_locked(user_id)
            # Our own logins are no application's: their client is not registered.
            if await ClientRepository(session).find_shared(client_id) is None:
                return
            scopes = await ConsentRepository(session).take_back(user_id, client_id)
            await CodeRepository(session).end_unused(user_id, client_id)
            ended = await ClientSessionRepository(session).end_all_of(user_id, client_id)
            await AuditLog(session).record(
                "consent.taken_back", user_id, client_id, scopes=" ".join(scopes) or None
            )
        await SessionEnding(self.sessions).forget(ended)
