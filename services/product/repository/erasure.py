"""Forgetting somebody: product knows nobody. Reservations name an order, adjustments a member of staff by an id."""

from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.part import Erased


async def remove_nothing(_session: AsyncSession, _user_id: str) -> Erased:
    """Answer that nothing was here; a test reads every column of product's and holds this true."""
    return Erased(removed=0)
