"""Queries on the buckets of spread SKUs: a buyer takes from one that nobody is using, and only then waits for any.

Locks on buckets come after those on stock levels, by SKU and then by number, and whoever locks all buckets of a SKU
locks the first one before it looks how many there are. A statement that skips locked rows waits for nobody, but may
leave rows locked that changed under its eyes and no longer fit; it is therefore rolled back to a savepoint before
anything that waits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.product.domain.reservations import Line
from services.product.domain.stock import Bucket, Move, Moved, even_shares

# `there` is read from one snapshot without waiting for anybody: less than wanted is a true "sold out" at that moment,
# as a hold that is under way has not taken its pieces before it commits, and a release has not given any back.
_TAKE = text("""
    WITH wanted AS MATERIALIZED (
        SELECT w.sku, w.quantity, floor(random() * level.buckets)::int AS start
        FROM unnest(CAST(:skus AS text[]), CAST(:quantities AS bigint[])) AS w(sku, quantity)
        JOIN stock_levels AS level USING (sku)
    ), picked AS MATERIALIZED (
        SELECT wanted.sku, wanted.quantity, one.bucket
        FROM wanted CROSS JOIN LATERAL (
            SELECT part.bucket FROM stock_buckets AS part
            WHERE part.sku = wanted.sku AND part.available >= wanted.quantity
            ORDER BY part.bucket <= wanted.start, part.bucket
            LIMIT 1
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS one
    ), taken AS (
        UPDATE stock_buckets AS part
        SET available = part.available - picked.quantity,
            held = part.held + CAST(:held AS bigint) * picked.quantity,
            sold = part.sold + CAST(:sold AS bigint) * picked.quantity,
            version = part.version + 1,
            updated_at = now()
        FROM picked
        WHERE part.sku = picked.sku AND part.bucket = picked.bucket
          AND (SELECT count(*) FROM picked) = cardinality(CAST(:skus AS text[]))
        RETURNING part.sku, part.bucket, part.available + picked.quantity AS before
    ), remembered AS (
        UPDATE reservation_lines AS line SET bucket = taken.bucket
        FROM taken WHERE line.order_id = :order_id AND line.sku = taken.sku
    )
    SELECT wanted.sku, taken.bucket, coalesce(taken.before, (
        SELECT sum(part.available)::bigint FROM stock_buckets AS part WHERE part.sku = wanted.sku
    )) AS there
    FROM wanted LEFT JOIN taken USING (sku)
""")

_TOTALS = text("""
    SELECT sku, sum(available)::bigint AS there FROM stock_buckets
    WHERE sku = ANY(CAST(:skus AS text[])) GROUP BY sku
""")

_LOCK_FIRST = text("""
    SELECT FROM stock_buckets WHERE sku = :sku AND bucket = 1 FOR NO KEY UPDATE
""")

_LOCK_ALL = text("""
    SELECT part.bucket, part.available, level.buckets
    FROM stock_buckets AS part JOIN stock_levels AS level USING (sku)
    WHERE part.sku = :sku
    ORDER BY part.bucket
    FOR NO KEY UPDATE OF part
""")

_SHARE_OUT = text("""
    UPDATE stock_buckets AS part
    SET available = w.available,
        held = part.held + w.held,
        sold = part.sold + w.sold,
        received = w.available + part.held + w.held + part.sold + w.sold,
        version = part.version + 1,
        updated_at = now()
    FROM unnest(CAST(:buckets AS int[]), CAST(:available AS bigint[]), CAST(:held AS bigint[]),
                CAST(:sold AS bigint[])) AS w(bucket, available, held, sold)
    WHERE part.sku = :sku AND part.bucket = w.bucket
""")

_REMEMBER = text("""
    UPDATE reservation_lines SET bucket = :bucket WHERE order_id = :order_id AND sku = :sku
""")

_MOVE = text("""
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:skus AS text[]), CAST(:buckets AS int[]),
                             CAST(:quantities AS bigint[])) AS w(sku, bucket, quantity)
    ), locked AS MATERIALIZED (
        SELECT part.sku, part.bucket, wanted.quantity
        FROM stock_buckets AS part JOIN wanted USING (sku, bucket)
        ORDER BY part.sku, part.bucket
        FOR NO KEY UPDATE OF part
    )
    UPDATE stock_buckets AS part
    SET available = part.available + CAST(:available AS bigint) * locked.quantity,
        held = part.held + CAST(:held AS bigint) * locked.quantity,
        sold = part.sold + CAST(:sold AS bigint) * locked.quantity,
        version = part.version + 1,
        updated_at = now()
    FROM locked
    WHERE part.sku = locked.sku AND part.bucket = locked.bucket
""")

# The level's row is locked by the caller. What is in it moves to the first bucket as it is; it then stays empty.
_SPREAD = text("""
    WITH level AS (
        SELECT * FROM stock_levels WHERE sku = :sku
    ), emptied AS (
        UPDATE stock_levels
        SET received = 0, available = 0, held = 0, sold = 0, buckets = :buckets,
            version = version + 1, updated_at = now()
        WHERE sku = :sku
    )
    INSERT INTO stock_buckets (sku, bucket, received, available, held, sold, version)
    SELECT level.sku, 1, level.received, level.available, level.held, level.sold, 0 FROM level
    WHERE level.buckets = 0
    UNION ALL
    SELECT level.sku, number, 0, 0, 0, 0, 0
    FROM level, generate_series(2, CAST(:buckets AS int)) AS number
    ON CONFLICT (sku, bucket) DO NOTHING
""")

_UNEVEN = text("""
    SELECT level.sku
    FROM stock_levels AS level JOIN stock_buckets AS part USING (sku)
    WHERE level.buckets > 0
    GROUP BY level.sku
    HAVING (sum(part.available) >= level.buckets
            AND min(part.available) FILTER (WHERE part.bucket <= level.buckets) = 0)
        OR max(part.available) FILTER (WHERE part.bucket > level.buckets) > 0
    ORDER BY level.sku
""")


class _NotAtOnce(Exception):
    """Some line found no free bucket with enough pieces; carries how many pieces of each SKU there are."""

    def __init__(self, there: Mapping[str, int]) -> None:
        super().__init__("no free bucket has enough pieces")
        self.there = there


class BucketRepository:
    """Takes, gives back and shares out the pieces of spread SKUs."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def take(self, order_id: str, lines: Sequence[Line], move: Move) -> Mapping[str, Moved]:
        """Take available pieces of every line from one bucket each, or of none; the order's lines remember which.

        Says how many pieces of each SKU there were; a line that wanted more made all of them stay.
        """
        try:
            async with self._session.begin_nested():
                return _answer(lines, await self._take_from_free(order_id, lines, move))
        except _NotAtOnce as missed:
            there = missed.there
        if any(there[line.sku] < line.quantity for line in lines):
            return _answer(lines, there)
        return _answer(lines, await self._take_after_waiting(order_id, lines, move))

    async def totals(self, lines: Sequence[Line]) -> Mapping[str, Moved]:
        """Say how many pieces of each SKU there are, as if nothing could be moved."""
        rows = await self._session.execute(_TOTALS, {"skus": [line.sku for line in lines]})
        return _answer(lines, {row.sku: row.there for row in rows})

    async def move(self, lines: Sequence[Line], move: Move) -> None:
        """Move pieces within the buckets the lines name."""
        if not lines:
            return
        await self._session.execute(
            _MOVE,
            {
                "skus": [line.sku for line in lines],
                "buckets": [line.bucket for line in lines],
                "quantities": [line.quantity for line in lines],
                "available": move.available,
                "held": move.held,
                "sold": move.sold,
            },
        )

    async def lock(self, sku: str) -> None:
        """Lock all buckets of a SKU until the transaction ends."""
        await self._lock(sku)

    async def spread(self, sku: str, buckets: int) -> None:
        """Let a SKU whose level is locked have at least this many buckets, and use this many from now on."""
        await self._session.execute(_LOCK_FIRST, {"sku": sku})
        await self._session.execute(_SPREAD, {"sku": sku, "buckets": buckets})

    async def share_out(self, sku: str, *, added: int = 0) -> None:
        """Share all available pieces of a SKU, and `added` ones, evenly among the buckets in use.

        Buckets that are no longer in use end up without available pieces; what is held or sold stays where it is.
        """
        locked, in_use = await self._lock(sku)
        pieces = sum(part.available for part in locked) + added
        await self._set(sku, locked, even_shares(pieces, in_use))

    async def uneven_skus(self) -> list[str]:
        """Return spread SKUs with an empty bucket that others could fill, or with pieces where nobody looks first."""
        return list((await self._session.execute(_UNEVEN)).scalars())

    async def _take_from_free(
        self, order_id: str, lines: Sequence[Line], move: Move
    ) -> Mapping[str, int]:
        rows = await self._session.execute(
            _TAKE,
            {
                "order_id": order_id,
                "skus": [line.sku for line in lines],
                "quantities": [line.quantity for line in lines],
                "held": move.held,
                "sold": move.sold,
            },
        )
        found = rows.all()
        there = {row.sku: row.there for row in found}
        if any(row.bucket is None for row in found):
            raise _NotAtOnce(there)
        return there

    async def _take_after_waiting(
        self, order_id: str, lines: Sequence[Line], move: Move
    ) -> Mapping[str, int]:
        """Lock every bucket of every SKU in order, gather what the lines want, and share out the rest."""
        locked = {line.sku: await self._lock(line.sku) for line in lines}
        there = {sku: sum(part.available for part in parts) for sku, (parts, _) in locked.items()}
        if any(there[line.sku] < line.quantity for line in lines):
            return there
        for line in lines:
            parts, in_use = locked[line.sku]
            shares = even_shares(there[line.sku] - line.quantity, in_use)
            await self._set(line.sku, parts, shares, take=line.quantity, move=move)
            await self._session.execute(
                _REMEMBER, {"order_id": order_id, "sku": line.sku, "bucket": _TAKEN_FROM}
            )
        return there

    async def _lock(self, sku: str) -> tuple[list[Bucket], int]:
        """Lock all buckets of a SKU; returns them and how many are in use."""
        await self._session.execute(_LOCK_FIRST, {"sku": sku})
        rows: Sequence[Row[Any]] = (await self._session.execute(_LOCK_ALL, {"sku": sku})).all()
        return [Bucket(row.bucket, row.available) for row in rows], rows[0].buckets

    async def _set(
        self,
        sku: str,
        parts: Sequence[Bucket],
        shares: Sequence[int],
        *,
        take: int = 0,
        move: Move | None = None,
    ) -> None:
        """Give each bucket its share, the ones beyond the shares nothing; what is taken goes to one bucket's piles."""
        taking = move or Move(0, 0, 0)
        new = dict(enumerate(shares, 1))
        changed = [
            part
            for part in parts
            if part.available != new.get(part.number, 0) or (take and part.number == _TAKEN_FROM)
        ]
        taken = [take if part.number == _TAKEN_FROM else 0 for part in changed]
        await self._session.execute(
            _SHARE_OUT,
            {
                "sku": sku,
                "buckets": [part.number for part in changed],
                "available": [new.get(part.number, 0) for part in changed],
                "held": [taking.held * pieces for pieces in taken],
                "sold": [taking.sold * pieces for pieces in taken],
            },
        )


_TAKEN_FROM = 1


def _answer(lines: Sequence[Line], there: Mapping[str, int]) -> Mapping[str, Moved]:
    return {
        line.sku: Moved(line.sku, before=there.get(line.sku, 0), after=0, version=None)
        for line in lines
    }
