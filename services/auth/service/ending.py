"""Ending sessions for good: families in PostgreSQL first, records in Redis after the commit."""

from collections.abc import Iterable
from dataclasses import dataclass

from libs.cache.sessions import SessionStore


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
