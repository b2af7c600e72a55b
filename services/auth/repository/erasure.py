"""Forgetting somebody: closing the account at once, and removing it."""

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.part import Erased
from services.auth.domain.accounts import CLOSED
from services.auth.models import Identity


async def close_identity(session: AsyncSession, user_id: str) -> None:
    """Let nobody log in to the account any more; it keeps its address until it is removed."""
    await session.execute(
        update(Identity)
        .where(Identity.id == user_id, Identity.status != CLOSED)
        .values(status=CLOSED, version=Identity.version + 1)
    )


async def remove_identity(session: AsyncSession, user_id: str) -> Erased:
    """Delete the account; everything that belongs to it goes with it by foreign key."""
    removed = await session.scalars(
        delete(Identity).where(Identity.id == user_id).returning(Identity.id)
    )
    return Erased(len(removed.all()))
