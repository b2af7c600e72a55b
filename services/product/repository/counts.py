"""How much there is of everything, for people who fill or check a catalogue."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_COUNTS = text("""
    SELECT (SELECT count(*) FROM categories) AS categories,
           (SELECT count(*) FROM products) AS products,
           (SELECT count(*) FROM variants) AS variants,
           (SELECT coalesce(sum(available), 0)::bigint FROM (
                SELECT available FROM stock_levels UNION ALL SELECT available FROM stock_buckets
            ) AS pieces) AS available
""")


async def count_rows(session: AsyncSession) -> dict[str, int]:
    """Count categories, products, variants and the pieces that can be bought."""
    row = (await session.execute(_COUNTS)).one()
    return {name: int(number) for name, number in row._mapping.items()}  # noqa: SLF001 - SQLAlchemy's public name
