"""Queries on erasures; all times are the database's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.audit.log import SYSTEM, AuditLog
from libs.erasure import tombstones
from libs.erasure.tables import erased_users
from libs.idempotency.store import forget_answers
from libs.topology import SERVICES
from services.user.domain.erasure import Answer, ErasureState
from services.user.models import Erasure, ErasureAnswer, Mail, Profile


@dataclass(frozen=True)
class ErasureDetails:
    """An erasure with what the services have answered."""

    erasure: Erasure
    answers: Sequence[Answer]


class ErasureRepository:
    """Erasures and the answers to them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert_once(self, erasure_id: str, user_id: str, token_hash: bytes) -> Erasure | None:
        """Insert an erasure with a row for every service's answer; None when the user has one already."""
        found = await self._session.scalars(
            insert(Erasure)
            .values(id=erasure_id, user_id=user_id, receipt_token_hash=token_hash)
            .on_conflict_do_nothing()
            .returning(Erasure)
        )
        erasure = found.one_or_none()
        if erasure is not None:
            await self._session.execute(
                insert(ErasureAnswer),
                [{"erasure_id": erasure_id, "service": service} for service in SERVICES],
            )
        return erasure

    async def of_user(self, user_id: str) -> ErasureDetails | None:
        found = await self._session.scalars(select(Erasure).where(Erasure.user_id == user_id))
        return await self._details(found.one_or_none())

    async def find(self, erasure_id: str) -> ErasureDetails | None:
        return await self._details(await self._session.get(Erasure, erasure_id))

    async def locked(self, erasure_id: str) -> Erasure | None:
        """Load an erasure and hold its row until the transaction ends."""
        return await self._session.get(
            Erasure, erasure_id, with_for_update=True, populate_existing=True
        )

    async def take_due(self, limit: int) -> Sequence[Erasure]:
        """Hold erasures that are due, passing over those somebody else works on."""
        found = await self._session.scalars(
            select(Erasure)
            .where(Erasure.next_check_at <= func.now())
            .order_by(Erasure.next_check_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return found.all()

    def postpone(self, erasure: Erasure, seconds: float) -> None:
        """Look at it again later, and count that."""
        erasure.next_check_at = func.now() + timedelta(seconds=seconds)
        erasure.checks += 1

    async def unfinished(self) -> Sequence[ErasureDetails]:
        """Return what is not completed, the oldest first."""
        found = await self._session.scalars(
            select(Erasure)
            .where(Erasure.state != ErasureState.COMPLETED)
            .order_by(Erasure.requested_at)
        )
        return [ErasureDetails(one, await self.answers(one.id)) for one in found]

    async def oldest(self) -> Mapping[str, float]:
        """Return by state how many seconds ago the oldest unfinished erasure was asked for, or, if it runs, was begun."""
        since = func.greatest(Erasure.requested_at, erased_users.c.requested_at)
        found = await self._session.execute(
            select(Erasure.state, func.extract("epoch", func.now() - func.min(since)))
            .join(erased_users, erased_users.c.user_id == Erasure.user_id, isouter=True)
            .where(Erasure.next_check_at.is_not(None))
            .group_by(Erasure.state)
        )
        return {state: float(seconds) for state, seconds in found}

    async def make_due(self, erasure_id: str | None) -> int:
        """Have one unfinished erasure, or all of them, looked at now; return how many."""
        which = Erasure.state != ErasureState.COMPLETED
        if erasure_id is not None:
            which &= Erasure.id == erasure_id
        due = await self._session.scalars(
            update(Erasure)
            .where(which)
            .values(next_check_at=func.now(), checks=0)
            .returning(Erasure.id)
        )
        return len(due.all())

    async def answer(
        self, erasure_id: str, service: str, removed: int, retained_until: date | None
    ) -> None:
        """Note a service's answer; the first one counts."""
        await self._session.execute(
            update(ErasureAnswer)
            .where(
                ErasureAnswer.erasure_id == erasure_id,
                ErasureAnswer.service == service,
                ErasureAnswer.answered_at.is_(None),
            )
            .values(answered_at=func.now(), removed=removed, retained_until=retained_until)
        )

    async def answers(self, erasure_id: str) -> Sequence[Answer]:
        """Return every service's answer as it is now, those still missing included."""
        rows = await self._session.scalars(
            select(ErasureAnswer)
            .where(ErasureAnswer.erasure_id == erasure_id)
            .order_by(ErasureAnswer.service)
            .execution_options(populate_existing=True)
        )
        return [
            Answer(row.service, row.answered_at, row.removed, row.retained_until) for row in rows
        ]

    async def record_completion(self, erasure: Erasure) -> None:
        """Write into the log that nothing is left; it names the erasure, and nobody can tell whose it was."""
        await AuditLog(self._session).record("erasure.completed", SYSTEM, erasure.id)

    async def now(self) -> datetime:
        """Tell the time of this transaction."""
        now: datetime = (await self._session.scalars(select(func.now()))).one()
        return now

    async def remove_user(self, user_id: str, erasure_id: str) -> int:
        """Put up the tombstone and remove what this service knows of a user; return how many rows went."""
        await tombstones.bury(self._session, user_id, erasure_id)
        removed = await remove_profile_and_mails(self._session, user_id)
        removed += await forget_answers(self._session, user_id)
        await tombstones.complete(self._session, user_id)
        return removed

    async def _details(self, erasure: Erasure | None) -> ErasureDetails | None:
        if erasure is None:
            return None
        return ErasureDetails(erasure, await self.answers(erasure.id))


async def remove_profile_and_mails(session: AsyncSession, user_id: str) -> int:
    """Remove a user's profile and mails, all there can be while nobody has opened the account; return how many rows went."""
    profiles = await session.scalars(
        delete(Profile).where(Profile.user_id == user_id).returning(Profile.user_id)
    )
    mails = await session.scalars(
        delete(Mail).where(Mail.user_id == user_id).returning(Mail.event_id)
    )
    return len(profiles.all()) + len(mails.all())
