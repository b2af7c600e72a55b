"""What auth does without being asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from libs.cache.sessions import SessionStore
from libs.contracts.auth import IdentityForgotten
from libs.database.session import Database
from libs.messaging.outbox import Outbox
from libs.observability.logging import get_logger
from services.auth.repository import (
    ChallengeRepository,
    CodeRepository,
    FamilyRepository,
    MailRequestRepository,
)
from services.auth.repository.erasure import remove_unopened
from services.auth.service.ending import SessionEnding

KEPT_FOR: Final = timedelta(days=30)
"""How long ended sessions and used tokens are kept, to recognise copies."""

UNOPENED_FOR: Final = timedelta(days=3)
"""How long after the request for its last mail ended an account stays that nobody opened: ten days after the wish."""
BATCH: Final = 500

_log = get_logger(__name__)

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
    """Delete sessions that ended, and tokens and codes that were used, longer ago than `KEPT_FOR`.

    Requests for mails hold addresses, and tokens in mails are recognised by nothing once they are over: they go at once.
    """
    async with database.transaction() as session:
        await CodeRepository(session).forget_older_than(KEPT_FOR)
        await FamilyRepository(session).forget_older_than(KEPT_FOR)
        await MailRequestRepository(session).forget_over()
        await ChallengeRepository(session).forget_expired()


async def forget_unopened(
    database: Database, outbox_of: Callable[[Any], Outbox], batch: int = BATCH
) -> None:
    """Delete accounts that somebody wished for and nobody opened, and tell: whoever reads mail there never agreed to be kept."""
    forgotten = batch
    while forgotten == batch:
        async with database.transaction() as session:
            gone = await remove_unopened(session, UNOPENED_FOR, batch)
            outbox = outbox_of(session)
            for user_id, version in gone.items():
                event = IdentityForgotten(user_id=user_id)
                await outbox.add(event, aggregate_version=version + 1)
        forgotten = len(gone)
        if forgotten:
            _log.info("unopened_accounts_forgotten", count=forgotten)
