"""The pieces of an order: what was sold, where each piece went since, and what is paid back for it.

Nothing here is counted up and down: every number is derived from facts that are only ever added (lines, parcels, adjustments).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from libs.money import Money


class AdjustmentKind(StrEnum):
    """Why pieces are paid back."""

    CANCELLATION = "cancellation"
    """They were not shipped, and will not be."""
    RETURN = "return"
    """They were shipped and came back."""
    REFUND = "refund"
    """They were shipped, and the customer keeps them or never got them."""


class Restock(StrEnum):
    """Whether product was told to sell the pieces again."""

    NONE = "none"
    REQUESTED = "requested"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Pieces:
    """Some pieces of one SKU."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Sold:
    """A line as it was sold; `paid` is for all its pieces, tax included."""

    sku: str
    quantity: int
    paid: Money


@dataclass(frozen=True, slots=True)
class AdjustedLine:
    """The pieces of one line an adjustment is about; of these, `refunded` are paid back with `amount_minor`."""

    sku: str
    quantity: int
    refunded: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Pieces cancelled, returned or refunded at once. The id is ours: product and payment tell a repeat by it.

    `refund_minor` is what goes back for it: the sum of its lines, or less if less was left of what was paid.
    """

    id: str
    kind: AdjustmentKind
    reason: str
    restock: Restock = Restock.NONE
    lines: tuple[AdjustedLine, ...] = ()
    refund_minor: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Where the pieces of one sold line are."""

    sold: Sold
    cancelled: int = 0
    shipped: int = 0
    returned: int = 0
    refunded: int = 0
    """Pieces that were paid back, for whichever reason."""

    @property
    def open(self) -> int:
        """Pieces that are neither shipped nor cancelled."""
        return self.sold.quantity - self.cancelled - self.shipped

    @property
    def returnable(self) -> int:
        """Pieces the customer has."""
        return self.shipped - self.returned

    @property
    def charged(self) -> int:
        """Shipped pieces that were not paid back; cancelled ones always are."""
        return self.shipped - (self.refunded - self.cancelled)

    def price_of(self, count: int) -> int:
        """Return what paying back `count` more pieces costs, in minor units.

        The first n pieces together cost the largest-remainder share n has in the line, so that however the pieces of
        a line are paid back, the amounts add up to exactly what was paid for it.
        """
        return self._share(self.refunded + count) - self._share(self.refunded)

    def _share(self, count: int) -> int:
        if count == 0:
            return 0
        return self.sold.paid.allocate([count, self.sold.quantity - count])[0].amount_minor


@dataclass(frozen=True, slots=True)
class Goods:
    """All lines of an order."""

    lines: tuple[Line, ...]

    @classmethod
    def of(
        cls, sold: Sequence[Sold], shipped: Iterable[Pieces], adjustments: Iterable[Adjustment]
    ) -> "Goods":
        """Derive where every piece is from what happened."""
        parcels, adjusted = list(shipped), list(adjustments)
        return cls(tuple(_line(one, parcels, adjusted) for one in sold))

    @property
    def open(self) -> tuple[Pieces, ...]:
        """Everything that could still be shipped."""
        return tuple(Pieces(line.sold.sku, line.open) for line in self.lines if line.open)

    def line(self, sku: str) -> Line | None:
        """Find the line of a SKU."""
        return next((line for line in self.lines if line.sold.sku == sku), None)

    def leaves_nothing_open(self, taken: Iterable[Pieces]) -> bool:
        """Tell whether nothing is left to ship once these pieces are gone."""
        return sum(one.quantity for one in self.open) == sum(one.quantity for one in taken)


def _line(sold: Sold, parcels: Sequence[Pieces], adjustments: Sequence[Adjustment]) -> Line:
    mine = [
        (adjustment.kind, line)
        for adjustment in adjustments
        for line in adjustment.lines
        if line.sku == sold.sku
    ]
    return Line(
        sold,
        cancelled=sum(one.quantity for kind, one in mine if kind == AdjustmentKind.CANCELLATION),
        shipped=sum(one.quantity for one in parcels if one.sku == sold.sku),
        returned=sum(one.quantity for kind, one in mine if kind == AdjustmentKind.RETURN),
        refunded=sum(one.refunded for _, one in mine),
    )
