"""What auth does without being asked."""

from datetime import timedelta
from typing import Final

from libs.cache.sessions import SessionStore
from libs.database.session import Database
from services.auth.repository import (
    ChallengeRepository,
    CodeRepository,
    FamilyRepository,
    MailRequestRepository,
)
from services.auth.service.ending import SessionEnding

KEPT_FOR: Final = timedelta(days=30)
"""How long ended sessions and used tokens are kept, to recognise copies."""

ENDED_LATELY: Final = timedelta(minutes=10)
"""Twice the life of an access token: without one a session's record opens nothing."""


async def end_again(database: Database, sessions: SessionStore) -> None:
    """Delete the records of sessions that ended lately once more.

    A shard of Redis that loses its primary goes on from a replica, which may not have heard of the last deletions: without
    this a session that was ended could be live again.
    """
    async with database.transaction() as session:
        ended = await FamilyRepository(session).ended_within(ENDED_LATELY)
    await SessionEnding(sessions).forget(ended)


async def forget_old(database: Database) -> None:
    """Delete sessions that ended, and tokens and codes that were used, longer ago than `KEPT_FOR`."""
    async with database.transaction() as session:
        await CodeRepository(session).forget_older_than(KEPT_FOR)
        await FamilyRepository(session).forget_older_than(KEPT_FOR)
        await MailRequestRepository(session).forget_older_than(KEPT_FOR)
        await ChallengeRepository(session).forget_expired()
