"""Ending sessions for good: families in PostgreSQL first, records in Redis after the commit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from libs.cache.sessions import SessionStore
from services.auth.domain.mail_requests import CHANGING
from services.auth.repository import Unit


@dataclass(frozen=True)
class SessionEnding:
    """Lets records of ended families go."""

    sessions: SessionStore

    async def forget(self, session_ids: Iterable[str]) -> None:
        """Delete the records of sessions whose families were ended.

        Raises:
            SessionStoreUnavailable: they cannot be refreshed any more, but live on in Redis for at most half an hour.
        """
        for session_id in session_ids:
            await self.sessions.delete(session_id)

    async def forget_all_of(self, user_id: str, ended: Iterable[str]) -> None:
        """Delete every record of a user, or of a client's own sessions, those a first try missed included.

        Raises:
            SessionStoreUnavailable: as above; try again.
        """
        recorded = {record.session_id for record in await self.sessions.list_for(user_id)}
        await self.forget({*ended, *recorded})


async def end_everything(
    unit: Unit, user_id: str, because: str, *, but: str | None = None
) -> Sequence[str]:
    """End every session of an account, but one, and all that was begun in any; return the ids of those that ended.

    The one place where sessions end together: who forgot the wishes would leave a thief the change of address they
    asked for while they were in.
    """
    ended = await unit.families.revoke_all(user_id, because, but=but)
    await end_what_waits(unit, user_id)
    return ended


async def end_what_waits(unit: Unit, user_id: str) -> None:
    """Let no login that waits for its second step be finished, no new factor be added, and no mail change anything."""
    await unit.challenges.end_all(user_id)
    await unit.mail_requests.end_all(user_id, *CHANGING)
