"""What auth does without being asked."""

from datetime import timedelta
from typing import Final

from libs.database.session import Database
from services.auth.repository import (
    ChallengeRepository,
    CodeRepository,
    FamilyRepository,
    MailRequestRepository,
)

KEPT_FOR: Final = timedelta(days=30)
"""How long ended sessions and used tokens are kept, to recognise copies."""


async def forget_old(database: Database) -> None:
    """Delete sessions that ended, and tokens and codes that were used, longer ago than `KEPT_FOR`."""
    async with database.transaction() as session:
        await CodeRepository(session).forget_older_than(KEPT_FOR)
        await FamilyRepository(session).forget_older_than(KEPT_FOR)
        await MailRequestRepository(session).forget_older_than(KEPT_FOR)
        await ChallengeRepository(session).forget_expired()
