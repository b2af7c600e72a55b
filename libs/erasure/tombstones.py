"""Who is forgotten. Whoever writes something of a person's asks here first, in the same transaction."""

from typing import ClassVar, Final

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.tables import erased_users
from libs.errors import DomainError

_columns = erased_users.c

# Writers share the lock, an erasure has it alone: what was begun before an erasure is seen by it, what begins after
# it sees the tombstone. There is no row yet that both could lock.
_KEY: Final = "hashtextextended(current_schema() || ' erase ' || :user_id, 0)"
_SHARED: Final = text(f"SELECT pg_advisory_xact_lock_shared({_KEY})")
_ALONE: Final = text(f"SELECT pg_advisory_xact_lock({_KEY})")


class AccountErased(DomainError):
    """The account was erased, or is being erased: nothing can be written for it any more."""

    code: ClassVar[str] = "account_erased"
    status: ClassVar[int] = 410
    title: ClassVar[str] = "Account erased"


async def is_erased(session: AsyncSession, user_id: str) -> bool:
    """Tell whether somebody is forgotten; until this transaction ends, they will not be."""
    await session.execute(_SHARED, {"user_id": user_id})
    found = await session.scalar(select(_columns.user_id).where(_columns.user_id == user_id))
    return found is not None


async def require_living(session: AsyncSession, user_id: str) -> None:
    """Refuse to write for somebody who is forgotten; call it before the first write of something new.

    Raises:
        AccountErased: they are.
    """
    if await is_erased(session, user_id):
        raise AccountErased("Register again to use the shop.")


async def bury(session: AsyncSession, user_id: str, erasure_id: str) -> None:
    """Put up the tombstone, after everybody who is writing for this person has finished; twice is once."""
    await session.execute(_ALONE, {"user_id": user_id})
    await session.execute(
        insert(erased_users).values(user_id=user_id, erasure_id=erasure_id).on_conflict_do_nothing()
    )


async def complete(session: AsyncSession, user_id: str) -> None:
    """Note that nothing is left to do; the first time counts."""
    await session.execute(
        update(erased_users)
        .where(_columns.user_id == user_id, _columns.completed_at.is_(None))
        .values(completed_at=func.now())
    )


async def unfinished(session: AsyncSession, limit: int, after: str = "") -> list[tuple[str, str]]:
    """Return (user, erasure) of those that something still stands against, by user, from behind one."""
    found = await session.execute(
        select(_columns.user_id, _columns.erasure_id)
        .where(_columns.completed_at.is_(None), _columns.user_id > after)
        .order_by(_columns.user_id)
        .limit(limit)
    )
    return [(row.user_id, row.erasure_id) for row in found]
