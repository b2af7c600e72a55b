"""Closing an account whose owner wants to be forgotten: nobody is in it any more, and nobody gets in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from libs.cache.sessions import SessionStore
from libs.contracts.user import ErasureRequested
from libs.database.session import Database
from libs.erasure.part import ErasurePart
from libs.messaging.envelope import Envelope
from libs.messaging.outbox import Outbox
from libs.observability.logging import get_logger
from services.auth.repository import Units
from services.auth.service.ending import SessionEnding, end_everything

_log = get_logger(__name__)


@dataclass(frozen=True)
class AccountClosing:
    """Ends everything an account is used for. PostgreSQL decides; the records in Redis follow."""

    units: Units
    sessions: SessionStore

    async def close(self, user_id: str) -> None:
        """Disable the account and end its sessions; closing it again, or an unknown one, changes nothing.

        Raises:
            SessionStoreUnavailable: nobody can log in or refresh, but records live on in Redis: try again.
        """
        async with self.units.begin() as unit:
            closed = await unit.identities.close(user_id)
            ended = await end_everything(unit, user_id, "erasure")
        await SessionEnding(self.sessions).forget_all_of(user_id, ended)
        await self.sessions.list_for(user_id)  # forgets the index of what was just deleted
        if closed:
            _log.info("account_closed", user_id=user_id)


@dataclass(frozen=True)
class AccountErasure:
    """Auth's part of an erasure. Redis is asked with no transaction open, and before the account is gone."""

    closing: AccountClosing
    part: ErasurePart
    database: Database
    outbox_of: Callable[[Any], Outbox]

    async def on_erasure_requested(self, event: ErasureRequested, _: Envelope) -> None:
        """Close the account, remove it, and tell; safe to repeat by the user's id."""
        await self.closing.close(event.user_id)
        async with self.database.transaction() as session:
            outbox = self.outbox_of(session)
            await self.part.carry_out(session, outbox, event.user_id, event.erasure_id)
