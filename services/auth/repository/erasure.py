"""Forgetting: accounts removed whose owners wish it, and those nobody ever opened."""

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.part import Erased
from services.auth.domain.accounts import PENDING
from services.auth.models import Identity, MailRequest


async def remove_identity(session: AsyncSession, user_id: str) -> Erased:
    """Delete the account; everything that belongs to it goes with it by foreign key."""
    removed = await session.scalars(
        delete(Identity).where(Identity.id == user_id).returning(Identity.id)
    )
    return Erased(len(removed.all()))


async def remove_unopened(session: AsyncSession, age: timedelta, limit: int) -> dict[str, int]:
    """Delete up to `limit` accounts nobody ever opened whose last mail's request ended longer ago than `age`.

    Returns their ids and versions. They are held first: whoever registers one anew holds it too, and is seen by the statement that comes after.
    """
    held = await session.scalars(
        select(Identity.id)
        .where(_unopened(age))
        .order_by(Identity.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    removed = await session.execute(
        delete(Identity)
        .where(Identity.id.in_(held.all()), _unopened(age))
        .returning(Identity.id, Identity.version)
        .execution_options(synchronize_session=False)
    )
    return {row.id: row.version for row in removed}


def _unopened(age: timedelta) -> ColumnElement[bool]:
    before = func.now() - age
    mailed_since = exists().where(
        MailRequest.user_id == Identity.id, MailRequest.expires_at >= before
    )
    return and_(
        Identity.status == PENDING,
        Identity.opened_at.is_(None),
        Identity.created_at < before,
        ~mailed_since,
    )
