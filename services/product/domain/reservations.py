"""What a hold, a commit and a release mean in each state of an order's one reservation."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.product.domain.catalogue import Offer, ProductStatus
from services.product.domain.stock import (
    GIVE_BACK_HELD,
    GIVE_BACK_SOLD,
    SELL_AVAILABLE,
    SELL_HELD,
    Move,
    Moved,
)
from services.product.errors import (
    NotForSale,
    OutOfStock,
    ReservationClosed,
    ReservationConflict,
)


@dataclass(frozen=True, slots=True)
class Line:
    """How many pieces of a SKU an order wants, or has; bucket 0 means the SKU's one row."""

    sku: str
    quantity: int
    bucket: int = 0


def merge_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Sum the lines per SKU and bucket and sort them, so that two orders lock shared rows in the same order."""
    wanted: Counter[tuple[str, int]] = Counter()
    for line in lines:
        wanted[line.sku, line.bucket] += line.quantity
    return tuple(Line(sku, wanted[sku, bucket], bucket) for sku, bucket in sorted(wanted))


def shortages(lines: Sequence[Line], moved: Mapping[str, Moved]) -> list[dict[str, object]]:
    """List the lines that ask for more pieces than there are; empty when all were moved."""
    there = {sku: one.before for sku, one in moved.items()}
    return [
        {"sku": line.sku, "requested": line.quantity, "available": there.get(line.sku, 0)}
        for line in lines
        if there.get(line.sku, 0) < line.quantity
    ]


def require_taken(lines: Sequence[Line], moved: Mapping[str, Moved]) -> None:
    """Check that every line got its pieces.

    Raises:
        OutOfStock: some could not, so none did.
    """
    missing = shortages(lines, moved)
    if missing:
        raise OutOfStock(
            "take fewer pieces of the listed SKUs, or none", extensions={"shortages": missing}
        )


def require_for_sale(lines: Sequence[Line], offers: Mapping[str, Offer]) -> None:
    """Check that every line's SKU exists, is active and has a price.

    Raises:
        NotForSale: some SKU does not.
    """
    refused = [
        {"sku": line.sku, "reason": reason}
        for line in lines
        if (reason := _why_not_for_sale(offers.get(line.sku)))
    ]
    if refused:
        raise NotForSale("remove the listed SKUs", extensions={"skus": refused})


def _why_not_for_sale(offer: Offer | None) -> str | None:
    if offer is None:
        return "unknown"
    if offer.status is not ProductStatus.ACTIVE:
        return "withdrawn"
    return "no_price" if offer.price is None else None


class ReservationState(StrEnum):
    """Held, committed and expired can still change; released and rejected are tombstones."""

    HELD = "held"
    COMMITTED = "committed"
    EXPIRED = "expired"
    RELEASED = "released"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ReservedLine:
    """A line with the price that was true when it was held."""

    sku: str
    product_id: str
    title: str
    quantity: int
    unit_price_minor: int
    price_version: int
    returned: int = 0
    bucket: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Reservation:
    """The one reservation of an order; a tombstone of an unknown order has no lines."""

    order_id: str
    state: ReservationState
    currency: str | None
    expires_at: datetime | None
    version: int
    lines: tuple[ReservedLine, ...]

    @property
    def wanted(self) -> tuple[Line, ...]:
        """What was asked for."""
        return merge_lines(Line(line.sku, line.quantity) for line in self.lines)

    @property
    def remaining(self) -> tuple[Line, ...]:
        """What was asked for and has not come back by a return."""
        return merge_lines(
            Line(line.sku, line.quantity - line.returned, line.bucket)
            for line in self.lines
            if line.quantity > line.returned
        )

    def returnable(self, asked: Iterable[Line]) -> tuple[Line, ...]:
        """Cut what is to come back down to what is still sold to this order."""
        wanted = {line.sku: line.quantity for line in merge_lines(asked)}
        return tuple(
            replace(line, quantity=min(line.quantity, wanted[line.sku]))
            for line in self.remaining
            if wanted.get(line.sku, 0) > 0
        )


def must_hold_again(reservation: Reservation, currency: str, lines: tuple[Line, ...]) -> bool:
    """Decide what a repeated hold means: False keeps the answer given before, True takes the pieces anew.

    Raises:
        ReservationClosed: it was released or rejected.
        ReservationConflict: it is for other lines or another currency.
    """
    if reservation.state in {ReservationState.RELEASED, ReservationState.REJECTED}:
        raise ReservationClosed(f"the reservation was {reservation.state}; use a new order id")
    if reservation.currency != currency or reservation.wanted != lines:
        raise ReservationConflict("this order id already holds other lines")
    return reservation.state is ReservationState.EXPIRED


NOT_SOLD_YET: Final = frozenset({ReservationState.HELD, ReservationState.EXPIRED})
"""States a commit may still follow on: a return that meets them comes too early."""

COMMIT_MOVES: Final[Mapping[ReservationState, Move | None]] = {
    ReservationState.HELD: SELL_HELD,
    ReservationState.EXPIRED: SELL_AVAILABLE,
    ReservationState.COMMITTED: None,
}
"""How a commit moves pieces from each state; a state that is missing rejects the commit."""

RELEASE_MOVES: Final[Mapping[ReservationState, Move | None]] = {
    ReservationState.HELD: GIVE_BACK_HELD,
    ReservationState.COMMITTED: GIVE_BACK_SOLD,
    ReservationState.EXPIRED: None,
    ReservationState.REJECTED: None,
    ReservationState.RELEASED: None,
}
"""How a release moves pieces from each state: held or sold come back once, all else is back already."""
