"""Reads catalogue and stock from the first to the last row, a page at a time and without locks."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.product.domain.stock import Announcement
from services.product.models import Product as ProductRow

# One statement, so that count and version of a spread SKU belong together.
_STOCK = text("""
    SELECT level.sku, level.available + spread.available AS available,
           level.version + spread.version AS version
    FROM stock_levels AS level CROSS JOIN LATERAL (
        SELECT coalesce(sum(available), 0)::bigint AS available,
               coalesce(sum(version), 0)::bigint AS version
        FROM stock_buckets AS part WHERE part.sku = level.sku
    ) AS spread
    WHERE level.sku > :after
    ORDER BY level.sku LIMIT :limit
""")


class PageRepository:
    """Pages by key: what is added meanwhile is seen or not, and what was there before is seen once."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def product_ids(self, after: str, limit: int) -> Sequence[str]:
        """Return the ids that follow `after`."""
        rows = await self._session.scalars(
            select(ProductRow.id).where(ProductRow.id > after).order_by(ProductRow.id).limit(limit)
        )
        return rows.all()

    async def stock(self, after: str, limit: int) -> Sequence[Announcement]:
        """Return how much there is of the SKUs that follow `after`."""
        rows = await self._session.execute(_STOCK, {"after": after, "limit": limit})
        return [Announcement(*row) for row in rows]
