"""Where pieces are and how they move: none appears or vanishes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.product.errors import StockBelowZero


@dataclass(frozen=True, slots=True)
class StockLevel:
    """Where the pieces of one SKU are: everything ever received is available, held or sold."""

    sku: str
    product_id: str
    received: int
    available: int
    held: int
    sold: int
    version: int
    updated_at: datetime
    buckets: int = 0

    def require_adjustable(self, quantity: int) -> None:
        """Check that `quantity` (negative takes away) leaves nothing below zero.

        Raises:
            StockBelowZero: fewer pieces are available than would be taken away.
        """
        if self.available + quantity < 0:
            raise StockBelowZero(
                f"only {self.available} of {self.sku} can be taken away",
                extensions={"sku": self.sku, "available": self.available},
            )


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One ledger line: pieces that came (positive) or went."""

    id: int
    sku: str
    quantity: int
    reason: str
    note: str | None
    available_after: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """How pieces move between the three piles, per piece; the sum is zero, so none appears or vanishes."""

    available: int
    held: int
    sold: int

    def __post_init__(self) -> None:
        if self.available + self.held + self.sold != 0:
            raise ValueError("a move must keep the number of pieces")

    @property
    def reverse(self) -> "Move":
        """The move that undoes this one."""
        return Move(-self.available, -self.held, -self.sold)


HOLD: Final = Move(available=-1, held=+1, sold=0)
SELL_HELD: Final = Move(available=0, held=-1, sold=+1)
SELL_AVAILABLE: Final = Move(available=-1, held=0, sold=+1)
GIVE_BACK_HELD: Final = Move(available=+1, held=-1, sold=0)
GIVE_BACK_SOLD: Final = Move(available=+1, held=0, sold=-1)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did to one SKU.

    `version` is None when the basket as a whole could not be moved, and for a spread SKU (`buckets` above zero): what
    happens to that one is told by a timer, not by each move.
    """

    sku: str
    before: int
    after: int
    version: int | None
    buckets: int = 0


@dataclass(frozen=True, slots=True)
class Announcement:
    """How many pieces of a spread SKU can be bought; the version names this one state of it."""

    sku: str
    available: int
    version: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a part of a spread SKU's stock holds."""

    number: int
    available: int


def even_shares(pieces: int, buckets: int) -> tuple[int, ...]:
    """Split pieces over buckets so that no two shares differ by more than one."""
    share, rest = divmod(pieces, buckets)
    return tuple(share + (number < rest) for number in range(buckets))


@dataclass(frozen=True, slots=True)
class Imbalance:
    """Two figures about the same pieces that should be equal and are not; bucket 0 is the SKU as a whole or its one row."""

    sku: str
    bucket: int
    what: str
    counted: int
    expected: int
