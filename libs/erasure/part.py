"""A service's part of an erasure: done at once, or when nothing stands against it any more, and then told.

Every step may be repeated: a request that comes again finds nothing left to remove, and is answered again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from libs.contracts.erasure import ErasureCompleted
from libs.contracts.user import ErasureRequested
from libs.database.session import Database
from libs.erasure import tombstones
from libs.idempotency.store import forget_answers
from libs.messaging.handlers import Handler, HandlerContext
from libs.messaging.outbox import Outbox
from libs.observability.logging import get_logger

_AT_ONCE: Final = 100

_log = get_logger(__name__)


@dataclass(frozen=True)
class Erased:
    """How many rows were deleted or emptied, and until when something has to be kept."""

    removed: int
    retained_until: date | None = None


@dataclass(frozen=True)
class NotYet:
    """Why a person's data is still needed, in words for an operator."""

    reason: str


Removal = Callable[[AsyncSession, str], Awaitable[Erased | NotYet]]
"""Removes what a service knows of a user, in this transaction; safe to repeat."""


@dataclass(frozen=True)
class ErasurePart:
    """What one service does when somebody wants to be forgotten.

    Args:
        remove: deletes or empties the service's own rows.
        completed: the event that tells it.
    """

    remove: Removal
    completed: type[ErasureCompleted]

    async def carry_out(
        self, session: AsyncSession, outbox: Outbox, user_id: str, erasure_id: str
    ) -> None:
        """Put up the tombstone, remove, and tell; when it is too early for that, only the tombstone stays."""
        await tombstones.bury(session, user_id, erasure_id)
        outcome = await self.remove(session, user_id)
        if isinstance(outcome, NotYet):
            _log.info("erasure_waits", erasure_id=erasure_id, reason=outcome.reason)
            return
        answers = await forget_answers(session, user_id)
        await tombstones.complete(session, user_id)
        told = self.completed(
            user_id=user_id,
            erasure_id=erasure_id,
            removed=outcome.removed + answers,
            retained_until=outcome.retained_until,
        )
        await outbox.add(told, aggregate_version=1)
        _log.info("erasure_done", erasure_id=erasure_id, removed=told.removed)

    def handler(self) -> Handler:
        """Return what handles the request."""

        async def on_erasure_requested(event: ErasureRequested, context: HandlerContext) -> None:
            await self.carry_out(context.session, context.outbox, event.user_id, event.erasure_id)

        return on_erasure_requested

    async def carry_on(
        self, database: Database, outbox_of: Callable[[AsyncSession], Outbox]
    ) -> int:
        """Try what was too early once more, each in its own transaction; for a timer. Returns how many were tried.

        One that fails keeps no other from being carried out: it is told, and tried again next time.
        """
        tried, waiting = 0, await _waiting(database, after="")
        while waiting:
            for user_id, erasure_id in waiting:
                try:
                    async with database.transaction() as session:
                        await self.carry_out(session, outbox_of(session), user_id, erasure_id)
                except Exception:  # noqa: BLE001 - whatever it is, it is not the next person's
                    _log.exception("erasure_failed", erasure_id=erasure_id)
            tried += len(waiting)
            waiting = await _waiting(database, after=waiting[-1][0])
        return tried


async def _waiting(database: Database, after: str) -> list[tuple[str, str]]:
    async with database.transaction() as session:
        return await tombstones.unfinished(session, _AT_ONCE, after)
