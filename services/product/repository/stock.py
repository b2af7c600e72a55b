"""Queries on stock levels and their ledger. One statement locks all SKUs of a basket in sorted order and moves them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.product.domain.reservations import Line
from services.product.domain.stock import Adjustment, Move, Moved, StockLevel
from services.product.models import StockAdjustment
from services.product.models import StockLevel as StockRow

# The locks are taken by the inner SELECT in the order of its sort, so two baskets never wait for each other in a
# circle. Nothing moves unless everything can; the table's CHECKs stand behind that.
_MOVE = text("""
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:skus AS text[]), CAST(:quantities AS bigint[])) AS w(sku, quantity)
    ), locked AS MATERIALIZED (
        SELECT level.sku, level.product_id, level.available, wanted.quantity
        FROM stock_levels AS level JOIN wanted USING (sku)
        ORDER BY level.sku
        FOR NO KEY UPDATE OF level
    ), moved AS (
        UPDATE stock_levels AS level
        SET available = level.available + CAST(:available AS bigint) * locked.quantity,
            held = level.held + CAST(:held AS bigint) * locked.quantity,
            sold = level.sold + CAST(:sold AS bigint) * locked.quantity,
            version = level.version + 1,
            updated_at = now()
        FROM locked
        WHERE level.sku = locked.sku
          AND (SELECT count(*) = cardinality(CAST(:skus AS text[]))
                  AND bool_and(available + CAST(:available AS bigint) * quantity >= 0) FROM locked)
        RETURNING level.sku, level.available, level.version
    )
    SELECT locked.sku, locked.product_id, locked.available AS before,
           coalesce(moved.available, locked.available) AS after, moved.version
    FROM locked LEFT JOIN moved USING (sku)
    ORDER BY locked.sku
""")

_UNCONSERVED = text("""
    SELECT level.sku
    FROM stock_levels AS level
    LEFT JOIN (
        SELECT sku, sum(quantity) AS total FROM stock_adjustments GROUP BY sku
    ) AS ledger USING (sku)
    LEFT JOIN (
        SELECT line.sku,
               coalesce(sum(line.quantity) FILTER (WHERE r.state = 'held'), 0) AS held,
               coalesce(sum(line.quantity - line.returned)
                        FILTER (WHERE r.state = 'committed'), 0) AS sold
        FROM reservation_lines AS line JOIN reservations AS r USING (order_id)
        GROUP BY line.sku
    ) AS promised USING (sku)
    WHERE level.received <> level.available + level.held + level.sold
       OR level.received <> coalesce(ledger.total, 0)
       OR level.held <> coalesce(promised.held, 0)
       OR level.sold <> coalesce(promised.sold, 0)
    ORDER BY level.sku
    LIMIT 1000
""")


class StockRepository:
    """Reads and moves pieces."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def move(self, lines: Sequence[Line], move: Move) -> Mapping[str, Moved]:
        """Lock the lines' stock rows in sorted order and move their pieces, in one round trip.

        All or nothing: if a SKU has no row (it is missing from the answer) or too few pieces, nothing changes and
        no version is given.
        """
        if not lines:
            return {}
        rows = await self._session.execute(
            _MOVE,
            {
                "skus": [line.sku for line in lines],
                "quantities": [line.quantity for line in lines],
                "available": move.available,
                "held": move.held,
                "sold": move.sold,
            },
        )
        return {row.sku: Moved(*row) for row in rows}

    async def level(self, sku: str, *, lock: bool = False) -> StockLevel | None:
        """Return a SKU's stock level, locked against other changes if asked."""
        statement = select(*_LEVEL).where(StockRow.sku == sku)
        if lock:
            statement = statement.with_for_update(key_share=True)
        row = (await self._session.execute(statement)).one_or_none()
        return None if row is None else StockLevel(*row)

    async def create_levels(self, product_id: str, skus: Sequence[str], home_region: str) -> None:
        """Give new variants a stock level without pieces."""
        await self._session.execute(
            insert(StockRow),
            [
                {
                    "sku": sku,
                    "product_id": product_id,
                    "received": 0,
                    "available": 0,
                    "held": 0,
                    "sold": 0,
                    "version": 1,
                    "home_region": home_region,
                }
                for sku in skus
            ],
        )

    async def adjust(
        self, level: StockLevel, quantity: int, *, reason: str, note: str | None, actor: str
    ) -> Adjustment:
        """Write a ledger line and apply it to the locked level."""
        available = level.available + quantity
        await self._session.execute(
            update(StockRow)
            .where(StockRow.sku == level.sku)
            .values(
                received=StockRow.received + quantity,
                available=available,
                version=level.version + 1,
            )
        )
        row = await self._session.execute(
            insert(StockAdjustment)
            .values(
                sku=level.sku,
                quantity=quantity,
                reason=reason,
                note=note,
                available_after=available,
                actor=actor,
            )
            .returning(*_ADJUSTMENT)
        )
        return Adjustment(*row.one())

    async def adjustments(self, sku: str, *, before: int | None, limit: int) -> list[Adjustment]:
        """Return ledger lines of a SKU, newest first."""
        statement = select(*_ADJUSTMENT).where(StockAdjustment.sku == sku)
        if before is not None:
            statement = statement.where(StockAdjustment.id < before)
        rows = await self._session.execute(
            statement.order_by(StockAdjustment.id.desc()).limit(limit)
        )
        return [Adjustment(*row) for row in rows]

    async def unconserved_skus(self) -> list[str]:
        """Return SKUs whose counters differ from the ledger or from the reservations; at most 1,000."""
        return list((await self._session.execute(_UNCONSERVED)).scalars())


_LEVEL = (
    StockRow.sku,
    StockRow.product_id,
    StockRow.received,
    StockRow.available,
    StockRow.held,
    StockRow.sold,
    StockRow.version,
    StockRow.updated_at,
)
_ADJUSTMENT = (
    StockAdjustment.id,
    StockAdjustment.sku,
    StockAdjustment.quantity,
    StockAdjustment.reason,
    StockAdjustment.note,
    StockAdjustment.available_after,
    StockAdjustment.created_at,
)
