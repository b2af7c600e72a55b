"""Forgetting somebody: their carts, and the guests' carts that became theirs."""

from sqlalchemy import delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.part import Erased
from services.cart.models import Cart


async def remove_carts(session: AsyncSession, user_id: str) -> Erased:
    """Delete a user's carts with their lines."""
    own = select(Cart.id).where(Cart.user_id == user_id)
    removed = await session.scalars(
        delete(Cart)
        .where(or_(Cart.user_id == user_id, Cart.merged_into.in_(own)))
        .returning(Cart.id)
        .execution_options(synchronize_session=False)
    )
    return Erased(len(removed.all()))
