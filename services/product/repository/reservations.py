"""Queries on reservations: one row per order id, locked before any stock row."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.product.domain.reservations import (
    Line,
    Reservation,
    ReservationState,
    ReservedLine,
)

_CLAIM = text("""
    INSERT INTO reservations (order_id, state, currency, expires_at, version, home_region)
    VALUES (:order_id, 'held', :currency,
            clock_timestamp() + make_interval(secs => CAST(:ttl AS double precision)), 1, :region)
    ON CONFLICT (order_id) DO NOTHING
    RETURNING expires_at
""")

_TOMBSTONE = text("""
    INSERT INTO reservations (order_id, state, version, home_region)
    VALUES (:order_id, :state, 1, :region)
    ON CONFLICT (order_id) DO NOTHING
    RETURNING version
""")

_ADD_LINES = text("""
    INSERT INTO reservation_lines
        (order_id, sku, product_id, title, quantity, unit_price_minor, price_version)
    SELECT :order_id, * FROM unnest(
        CAST(:skus AS text[]), CAST(:product_ids AS text[]), CAST(:titles AS text[]),
        CAST(:quantities AS int[]), CAST(:prices AS bigint[]), CAST(:versions AS int[]))
""")

_REMOVE_LINES = text("DELETE FROM reservation_lines WHERE order_id = :order_id")

# Whoever waits for the lock gets the reservation as it is now, but the lines as the statement's snapshot had them; `seen`
# is the reservation's version in that snapshot, and every change of a line raises it.
_FIND = """
    SELECT (SELECT version FROM reservations WHERE order_id = :order_id) AS seen,
           r.order_id, r.state, r.currency, r.expires_at, r.version,
           line.sku, line.product_id, line.title, line.quantity, line.unit_price_minor,
           line.price_version, line.returned, line.bucket
    FROM reservations AS r LEFT JOIN reservation_lines AS line USING (order_id)
    WHERE r.order_id = :order_id
    ORDER BY line.sku
"""
_GET = text(_FIND)
_LOCK = text(_FIND + " FOR NO KEY UPDATE OF r")

_SET_STATE = text("""
    UPDATE reservations
    SET state = :state, version = version + 1, updated_at = now(),
        expires_at = CASE WHEN CAST(:ttl AS double precision) IS NULL THEN expires_at
            ELSE clock_timestamp() + make_interval(secs => CAST(:ttl AS double precision)) END
    WHERE order_id = :order_id
    RETURNING version, expires_at
""")

# One compare-and-set on the database's clock; rows that a commit or a release has locked are left to it.
_EXPIRE = text("""
    WITH due AS (
        SELECT order_id FROM reservations
        WHERE state = 'held' AND expires_at <= clock_timestamp()
        ORDER BY expires_at
        LIMIT :batch
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE reservations AS r
    SET state = 'expired', version = r.version + 1, updated_at = now()
    FROM due WHERE r.order_id = due.order_id
    RETURNING r.order_id
""")

_SUM_LINES = text("""
    SELECT sku, sum(quantity)::bigint AS quantity, bucket
    FROM reservation_lines WHERE order_id = ANY(CAST(:order_ids AS text[]))
    GROUP BY sku, bucket ORDER BY sku, bucket
""")


_ADD_RETURN = text("""
    INSERT INTO stock_returns (order_id, return_id, reason, pieces)
    VALUES (:order_id, :return_id, :reason, :pieces)
    ON CONFLICT (order_id, return_id) DO NOTHING
    RETURNING return_id
""")

_COUNT_RETURNED = text("""
    UPDATE reservation_lines AS line SET returned = line.returned + w.quantity
    FROM unnest(CAST(:skus AS text[]), CAST(:quantities AS int[])) AS w(sku, quantity)
    WHERE line.order_id = :order_id AND line.sku = w.sku
""")

# A hold whose time is up is over, whether or not the sweeper has come by; and no hold gets shorter.
_EXTEND = text("""
    UPDATE reservations
    SET expires_at = greatest(expires_at,
            clock_timestamp() + make_interval(secs => CAST(:ttl AS double precision))),
        version = version + 1, updated_at = now()
    WHERE order_id = :order_id AND state = 'held' AND expires_at > clock_timestamp()
""")


class ReservationRepository:
    """Reads and writes reservations."""

    def __init__(self, session: AsyncSession, home_region: str) -> None:
        self._session = session
        self._region = home_region

    async def claim(self, order_id: str, currency: str, ttl_seconds: float) -> datetime | None:
        """Insert a held reservation and return when it expires; None if the order id has one already.

        Waits for a concurrent claim of the same id to commit or roll back.
        """
        row = await self._session.execute(
            _CLAIM,
            {
                "order_id": order_id,
                "currency": currency,
                "ttl": ttl_seconds,
                "region": self._region,
            },
        )
        return row.scalar_one_or_none()

    async def add_tombstone(self, order_id: str, state: ReservationState) -> bool:
        """Close an order id nobody has reserved for; False if a reservation exists after all."""
        row = await self._session.execute(
            _TOMBSTONE, {"order_id": order_id, "state": state, "region": self._region}
        )
        return row.scalar_one_or_none() is not None

    async def add_lines(self, order_id: str, lines: Sequence[ReservedLine]) -> None:
        """Write the lines of a new reservation in one statement."""
        await self._session.execute(
            _ADD_LINES,
            {
                "order_id": order_id,
                "skus": [line.sku for line in lines],
                "product_ids": [line.product_id for line in lines],
                "titles": [line.title for line in lines],
                "quantities": [line.quantity for line in lines],
                "prices": [line.unit_price_minor for line in lines],
                "versions": [line.price_version for line in lines],
            },
        )

    async def remove_lines(self, order_id: str) -> None:
        """Remove the lines of an expired hold before it is taken anew at other prices."""
        await self._session.execute(_REMOVE_LINES, {"order_id": order_id})

    async def get(self, order_id: str) -> Reservation | None:
        """Return an order's reservation."""
        return _reservation((await self._session.execute(_GET, {"order_id": order_id})).all())

    async def lock(self, order_id: str) -> Reservation | None:
        """Return an order's reservation, locked until the transaction ends."""
        rows = (await self._session.execute(_LOCK, {"order_id": order_id})).all()
        if rows and rows[0].seen != rows[0].version:
            rows = (await self._session.execute(_LOCK, {"order_id": order_id})).all()
        return _reservation(rows)

    async def set_state(
        self, order_id: str, state: ReservationState, *, ttl_seconds: float | None = None
    ) -> tuple[int, datetime | None]:
        """Set the state of a locked reservation; return its new version and when it expires."""
        row = await self._session.execute(
            _SET_STATE, {"order_id": order_id, "state": state, "ttl": ttl_seconds}
        )
        version, expires_at = row.one()
        return version, expires_at

    async def extend(self, order_id: str, ttl_seconds: float) -> None:
        """Let a hold that is not over last for `ttl_seconds` from now, if that is longer."""
        await self._session.execute(_EXTEND, {"order_id": order_id, "ttl": ttl_seconds})

    async def add_return(
        self, order_id: str, return_id: str, reason: str, lines: Sequence[Line]
    ) -> bool:
        """Write down a return of a locked reservation and count its pieces; False if it was written before."""
        pieces = sum(line.quantity for line in lines)
        row = await self._session.execute(
            _ADD_RETURN,
            {"order_id": order_id, "return_id": return_id, "reason": reason, "pieces": pieces},
        )
        if row.scalar_one_or_none() is None:
            return False
        await self._session.execute(
            _COUNT_RETURNED,
            {
                "order_id": order_id,
                "skus": [line.sku for line in lines],
                "quantities": [line.quantity for line in lines],
            },
        )
        return True

    async def expire(self, batch: int) -> list[str]:
        """Expire up to `batch` due holds and return their order ids."""
        return list((await self._session.execute(_EXPIRE, {"batch": batch})).scalars())

    async def wanted_by(self, order_ids: Iterable[str]) -> list[Line]:
        """Return the pieces of these orders, summed per SKU and bucket and sorted."""
        rows = await self._session.execute(_SUM_LINES, {"order_ids": list(order_ids)})
        return [Line(*row) for row in rows]


def _reservation(rows: Sequence[Sequence[Any]]) -> Reservation | None:
    if not rows:
        return None
    first = rows[0][1:]
    return Reservation(
        order_id=first[0],
        state=ReservationState(first[1]),
        currency=first[2],
        expires_at=first[3],
        version=first[4],
        lines=tuple(ReservedLine(*row[6:]) for row in rows if row[6] is not None),
    )
