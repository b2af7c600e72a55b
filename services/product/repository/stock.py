"""Queries on stock levels and their ledger. One statement locks all SKUs of a basket in sorted order and moves them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.product.domain.reservations import Line
from services.product.domain.stock import Adjustment, Announcement, Move, Moved, StockLevel
from services.product.models import StockAdjustment
from services.product.models import StockLevel as StockRow

# The locks are taken by the inner SELECT in the order of its sort, so two baskets never wait for each other in a
# circle. Nothing moves unless everything can; the table's CHECKs stand behind that. PostgreSQL tries them on the row as
# the statement's snapshot had it, before it notices that the row has changed since: so every figure they compare is
# taken from the locked row, or a hold would fail for pieces that came back while it waited.
_MOVE = text("""
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:skus AS text[]), CAST(:quantities AS bigint[])) AS w(sku, quantity)
    ), locked AS MATERIALIZED (
        SELECT level.sku, level.received, level.available, level.held, level.sold, level.version,
               level.buckets, wanted.quantity
        FROM stock_levels AS level JOIN wanted USING (sku)
        ORDER BY level.sku
        FOR NO KEY UPDATE OF level
    ), moved AS (
        UPDATE stock_levels AS level
        SET received = locked.received,
            available = locked.available + CAST(:available AS bigint) * locked.quantity,
            held = locked.held + CAST(:held AS bigint) * locked.quantity,
            sold = locked.sold + CAST(:sold AS bigint) * locked.quantity,
            version = locked.version + 1,
            updated_at = now()
        FROM locked
        WHERE level.sku = locked.sku
          AND (SELECT count(*) = cardinality(CAST(:skus AS text[]))
                  AND bool_and(buckets = 0 AND available + CAST(:available AS bigint) * quantity >= 0)
               FROM locked)
        RETURNING level.sku, level.available, level.version
    )
    SELECT locked.sku, locked.available AS before,
           coalesce(moved.available, locked.available) AS after, moved.version, locked.buckets
    FROM locked LEFT JOIN moved USING (sku)
    ORDER BY locked.sku
""")

# A spread SKU's own row is empty; its pieces and the count of its changes are its buckets'.
_LEVEL = """
    SELECT level.sku, level.product_id, level.received + spread.received AS received,
           level.available + spread.available AS available, level.held + spread.held AS held,
           level.sold + spread.sold AS sold, level.version + spread.version AS version,
           greatest(level.updated_at, spread.updated_at) AS updated_at, level.buckets
    FROM stock_levels AS level CROSS JOIN LATERAL (
        SELECT coalesce(sum(received), 0)::bigint AS received,
               coalesce(sum(available), 0)::bigint AS available,
               coalesce(sum(held), 0)::bigint AS held, coalesce(sum(sold), 0)::bigint AS sold,
               coalesce(sum(version), 0)::bigint AS version, max(updated_at) AS updated_at
        FROM stock_buckets AS part WHERE part.sku = level.sku
    ) AS spread
    WHERE level.sku = :sku
"""
_GET_LEVEL = text(_LEVEL)
_LOCK_LEVEL = text(_LEVEL + " FOR NO KEY UPDATE OF level")

_COUNT = text("""
    UPDATE stock_levels
    SET received = received + CAST(:quantity AS bigint),
        available = available + CAST(:quantity AS bigint),
        version = version + 1, updated_at = now()
    WHERE sku = :sku
""")

# Every change of a bucket raises its version, so the sum grows with each and names one state of the SKU. Whoever
# announces holds the level's row, which no buyer of a spread SKU touches.
_ANNOUNCE = text("""
    WITH due AS MATERIALIZED (
        SELECT level.sku, spread.available, level.version + spread.version AS version
        FROM stock_levels AS level CROSS JOIN LATERAL (
            SELECT sum(available)::bigint AS available, sum(version)::bigint AS version
            FROM stock_buckets AS part WHERE part.sku = level.sku
        ) AS spread
        WHERE level.buckets > 0
          AND level.version + spread.version > coalesce(level.announced_version, 0)
        ORDER BY level.sku
        FOR NO KEY UPDATE OF level SKIP LOCKED
    )
    UPDATE stock_levels AS level SET announced_version = due.version
    FROM due WHERE level.sku = due.sku
    RETURNING level.sku, due.available, due.version
""")


class StockRepository:
    """Reads and moves pieces."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def move(self, lines: Sequence[Line], move: Move) -> Mapping[str, Moved]:
        """Lock the lines' stock rows in sorted order and move their pieces, in one round trip.

        All or nothing: if a SKU has no row (it is missing from the answer), too few pieces or is spread, nothing changes
        and no version is given.
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
        """Return a SKU's stock level, locked against other changes if asked; a spread SKU's buckets are not locked."""
        statement = _LOCK_LEVEL if lock else _GET_LEVEL
        row = (await self._session.execute(statement, {"sku": sku})).one_or_none()
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

    async def count(self, sku: str, quantity: int) -> None:
        """Add pieces to the one row of a SKU that is not spread; negative takes away."""
        await self._session.execute(_COUNT, {"sku": sku, "quantity": quantity})

    async def add_adjustment(
        self,
        sku: str,
        quantity: int,
        *,
        available_after: int,
        reason: str,
        note: str | None,
        actor: str,
    ) -> Adjustment:
        """Write a ledger line."""
        row = await self._session.execute(
            insert(StockAdjustment)
            .values(
                sku=sku,
                quantity=quantity,
                reason=reason,
                note=note,
                available_after=available_after,
                actor=actor,
            )
            .returning(*_ADJUSTMENT)
        )
        return Adjustment(*row.one())

    async def changes_of_spread(self) -> list[Announcement]:
        """Return each spread SKU that changed since it was last returned, and note that it was; levels stay locked."""
        return [Announcement(*row) for row in await self._session.execute(_ANNOUNCE)]

    async def adjustments(self, sku: str, *, before: int | None, limit: int) -> list[Adjustment]:
        """Return ledger lines of a SKU, newest first."""
        statement = select(*_ADJUSTMENT).where(StockAdjustment.sku == sku)
        if before is not None:
            statement = statement.where(StockAdjustment.id < before)
        rows = await self._session.execute(
            statement.order_by(StockAdjustment.id.desc()).limit(limit)
        )
        return [Adjustment(*row) for row in rows]


_ADJUSTMENT = (
    StockAdjustment.id,
    StockAdjustment.sku,
    StockAdjustment.quantity,
    StockAdjustment.reason,
    StockAdjustment.note,
    StockAdjustment.available_after,
    StockAdjustment.created_at,
)
