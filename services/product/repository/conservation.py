"""The proof that no piece appeared or vanished, a range of SKUs at a time and each in one snapshot."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.product.domain.stock import Imbalance

_CANCELLED: Final = "57014"

_LIMIT = text("SELECT set_config('statement_timeout', :milliseconds, true)")

_NEXT = text("""
    SELECT sku FROM stock_levels WHERE sku > :after ORDER BY sku LIMIT :size
""")

# Each row that holds pieces is compared with itself, and with the lines of reservations that name it; each SKU with
# its ledger. A line of before the SKU was spread names the first bucket.
_CHECK = text("""
    WITH level AS (
        SELECT * FROM stock_levels WHERE sku > :after AND sku <= :last
    ), place AS (
        SELECT sku, 0 AS bucket, received, available, held, sold FROM level
        UNION ALL
        SELECT sku, bucket, received, available, held, sold
        FROM stock_buckets WHERE sku > :after AND sku <= :last
    ), promised AS (
        SELECT line.sku,
               CASE WHEN level.buckets > 0 THEN greatest(line.bucket, 1) ELSE line.bucket END AS bucket,
               coalesce(sum(line.quantity) FILTER (WHERE r.state = 'held'), 0) AS held,
               coalesce(sum(line.quantity - line.returned)
                        FILTER (WHERE r.state = 'committed'), 0) AS sold
        FROM level JOIN reservation_lines AS line USING (sku) JOIN reservations AS r USING (order_id)
        WHERE r.state IN ('held', 'committed')
        GROUP BY 1, 2
    ), ledger AS (
        SELECT sku, sum(quantity) AS total FROM stock_adjustments
        WHERE sku > :after AND sku <= :last GROUP BY sku
    ), received AS (
        SELECT sku, sum(received) AS total FROM place GROUP BY sku
    )
    SELECT sku, bucket, figure.what, figure.counted::bigint, figure.expected::bigint
    FROM place FULL JOIN promised USING (sku, bucket) CROSS JOIN LATERAL (VALUES
        ('received', coalesce(received, 0), coalesce(available + place.held + place.sold, 0)),
        ('held', coalesce(place.held, 0), coalesce(promised.held, 0)),
        ('sold', coalesce(place.sold, 0), coalesce(promised.sold, 0))
    ) AS figure(what, counted, expected)
    WHERE figure.counted <> figure.expected
    UNION ALL
    SELECT sku, 0, 'ledger', received.total::bigint, coalesce(ledger.total, 0)::bigint
    FROM received LEFT JOIN ledger USING (sku)
    WHERE received.total <> coalesce(ledger.total, 0)
    ORDER BY 1, 2, 3
""")


class OverBudget(Exception):
    """The check of a range took longer than it may; check fewer SKUs at a time."""


class ConservationRepository:
    """Compares what is counted with the reservations and the ledger."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def limit(self, seconds: float) -> None:
        """Let no statement of this transaction take longer; 0 lets each take as long as it needs."""
        await self._session.execute(_LIMIT, {"milliseconds": str(int(seconds * 1000))})

    async def next_skus(self, after: str, size: int) -> list[str]:
        """Return the SKUs that follow `after`, in order."""
        return list((await self._session.execute(_NEXT, {"after": after, "size": size})).scalars())

    async def imbalances(self, after: str, last: str) -> list[Imbalance]:
        """Return what does not add up among the SKUs behind `after` and up to `last`.

        Raises:
            OverBudget: it took longer than the limit.
        """
        try:
            rows = await self._session.execute(_CHECK, {"after": after, "last": last})
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == _CANCELLED:
                raise OverBudget(f"SKUs behind {after!r} up to {last!r}") from error
            raise
        return [Imbalance(*row) for row in rows]
