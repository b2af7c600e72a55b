"""The queue of mails in the database: claimed by one process at a time, and fenced by the number of the attempt."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.tombstones import is_erased
from services.user.domain.mails import LEASE_SECONDS, MailKind, MailState
from services.user.models import Mail

_OPEN: Final = (MailState.WAITING, MailState.PREPARING, MailState.HANDED_OVER)


class MailRepository:
    """Mails by the event they tell of."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def queue(self, event_id: UUID, kind: MailKind, user_id: str, about: str) -> None:
        """Have a mail sent; the same event again changes nothing, and somebody who is forgotten gets none."""
        if await is_erased(self._session, user_id):
            return
        await self._session.execute(
            insert(Mail)
            .values(event_id=event_id, kind=kind, user_id=user_id, about=about)
            .on_conflict_do_nothing()
        )

    async def claim_due(self, limit: int) -> Sequence[Mail]:
        """Take what is due, and what a process that is no more had taken, for the length of a lease."""
        due = (
            select(Mail.event_id)
            .where(Mail.state.in_(_OPEN), Mail.next_attempt_at <= func.now())
            .order_by(Mail.next_attempt_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        doubt = case((Mail.state == MailState.HANDED_OVER, 1), else_=0)
        claimed = await self._session.scalars(
            update(Mail)
            .where(Mail.event_id.in_(due.scalar_subquery()))
            .values(
                state=MailState.PREPARING,
                attempts=Mail.attempts + 1,
                doubts=Mail.doubts + doubt,
                next_attempt_at=func.now() + timedelta(seconds=LEASE_SECONDS),
            )
            .returning(Mail)
        )
        return claimed.all()

    async def hand_over(self, mail: Mail) -> bool:
        """Record that SES is about to get the mail; False when another process has taken it over."""
        return await self._move(
            mail,
            MailState.HANDED_OVER,
            next_attempt_at=func.now() + timedelta(seconds=LEASE_SECONDS),
        )

    async def release(self, mail: Mail, seconds: float, error: str) -> None:
        """Try again later, unless the mail was handed over: then its lease has to run out, for SES may have it."""
        await self._move(
            mail,
            MailState.WAITING,
            found_in=(MailState.PREPARING,),
            next_attempt_at=func.now() + timedelta(seconds=seconds),
            last_error=error,
        )

    async def wait(self, mail: Mail, seconds: float, error: str) -> None:
        """Try again later: SES has not got the mail."""
        await self._later(mail, MailState.WAITING, seconds, error)

    async def doubt(self, mail: Mail, seconds: float, error: str) -> None:
        """Look again later: SES may have got the mail."""
        await self._later(mail, MailState.HANDED_OVER, seconds, error)

    async def close(self, mail: Mail, state: MailState, error: str | None = None) -> None:
        """End the attempt for good: dropped or given up."""
        await self._move(mail, state, last_error=error)

    async def finish(self, event_id: UUID, message_id: str) -> None:
        """Record that SES took the mail. No fence: whoever sent it, it must not be sent again."""
        await self._session.execute(
            update(Mail)
            .where(Mail.event_id == event_id)
            .values(state=MailState.SENT, message_id=message_id, last_error=None)
        )

    async def given_up(self, limit: int) -> Sequence[Mail]:
        """Return what nobody will try again unless told to, the oldest first."""
        found = await self._session.scalars(
            select(Mail)
            .where(Mail.state == MailState.GIVEN_UP)
            .order_by(Mail.created_at)
            .limit(limit)
        )
        return found.all()

    async def revive(self) -> int:
        """Have everything that was given up tried once more; return how many mails that are."""
        revived = await self._session.scalars(
            update(Mail)
            .where(Mail.state == MailState.GIVEN_UP)
            .values(state=MailState.WAITING, attempts=0, doubts=0, next_attempt_at=func.now())
            .returning(Mail.event_id)
        )
        return len(revived.all())

    async def _later(self, mail: Mail, state: MailState, seconds: float, error: str) -> None:
        await self._move(
            mail, state, next_attempt_at=func.now() + timedelta(seconds=seconds), last_error=error
        )

    async def _move(
        self,
        mail: Mail,
        state: MailState,
        *,
        found_in: Sequence[MailState] = _OPEN,
        **values: object,
    ) -> bool:
        moved = await self._session.scalar(
            update(Mail)
            .where(
                Mail.event_id == mail.event_id,
                Mail.attempts == mail.attempts,
                Mail.state.in_(found_in),
            )
            .values(state=state, **values)
            .returning(Mail.event_id)
        )
        return moved is not None
