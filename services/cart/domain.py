"""The rules of a cart: limits, merging, what an order takes out of it, what the customer is warned of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from libs.money import Money
from services.cart.errors import CartFull

MOST_PIECES_PER_LINE: Final = 99
MOST_LINES: Final = 100

WarningCode = Literal["price_changed", "out_of_stock", "low_stock", "not_for_sale"]


@dataclass(frozen=True)
class Line:
    """So many pieces of a variant, at the price the customer saw when adding them."""

    sku: str
    title: str
    quantity: int
    unit_price_minor: int
    price_version: int


@dataclass(frozen=True)
class Offer:
    """What the catalogue says about a variant now, in the cart's currency.

    Attributes:
        available: pieces that can be bought; None while no stock event has come.
    """

    title: str
    unit_price_minor: int
    price_version: int
    available: int | None


@dataclass(frozen=True)
class CartWarning:
    """Something the customer should know before ordering."""

    code: WarningCode
    sku: str
    old: int | None = None
    new: int | None = None


def with_added(lines: Sequence[Line], added: Line) -> list[Line]:
    """Add pieces to the line of their SKU, or a new line.

    Raises:
        CartFull: a line would exceed 99 pieces or the cart 100 lines.
    """
    others = [line for line in lines if line.sku != added.sku]
    before = sum(line.quantity for line in lines if line.sku == added.sku)
    quantity = before + added.quantity
    if quantity > MOST_PIECES_PER_LINE:
        raise CartFull(
            f"At most {MOST_PIECES_PER_LINE} pieces of one item; {before} are in the cart."
        )
    if len(others) >= MOST_LINES:
        raise CartFull(f"At most {MOST_LINES} different items; remove one first.")
    return [*others, replace(added, quantity=quantity)]


def merged(own: Sequence[Line], guest: Sequence[Line]) -> list[Line]:
    """Join a guest's lines into a user's: quantities add up to the limit, the own price stays."""
    lines = {line.sku: line for line in own}
    for line in guest:
        if line.sku in lines:
            total = min(lines[line.sku].quantity + line.quantity, MOST_PIECES_PER_LINE)
            lines[line.sku] = replace(lines[line.sku], quantity=total)
        elif len(lines) < MOST_LINES:
            lines[line.sku] = line
    return list(lines.values())


def without_ordered(lines: Sequence[Line], ordered: Mapping[str, int]) -> list[Line]:
    """Take what was ordered out of the cart; what was added since stays."""
    rest = [replace(line, quantity=line.quantity - ordered.get(line.sku, 0)) for line in lines]
    return [line for line in rest if line.quantity > 0]


def repriced(lines: Sequence[Line], offers: Mapping[str, Offer]) -> list[Line]:
    """Put today's titles and prices on the lines; a line nothing is known of keeps its own."""
    return [_at(line, offers[line.sku]) if line.sku in offers else line for line in lines]


def subtotal(lines: Iterable[tuple[int, int]], currency: str) -> Money:
    """Sum (quantity, unit price in minor units) pairs."""
    return Money(sum(quantity * price for quantity, price in lines), currency)


def warnings_of(lines: Sequence[Line], offers: Mapping[str, Offer]) -> list[CartWarning]:
    """Compare the lines with what the catalogue says now."""
    return [warning for line in lines for warning in _line_warnings(line, offers.get(line.sku))]


def _line_warnings(line: Line, offer: Offer | None) -> list[CartWarning]:
    if offer is None:
        return [CartWarning("not_for_sale", line.sku)]
    found: list[CartWarning] = []
    if offer.unit_price_minor != line.unit_price_minor:
        found.append(
            CartWarning("price_changed", line.sku, line.unit_price_minor, offer.unit_price_minor)
        )
    if offer.available is not None and offer.available < line.quantity:
        code: WarningCode = "low_stock" if offer.available else "out_of_stock"
        found.append(CartWarning(code, line.sku, line.quantity, offer.available))
    return found


def _at(line: Line, offer: Offer) -> Line:
    return replace(
        line,
        title=offer.title,
        unit_price_minor=offer.unit_price_minor,
        price_version=offer.price_version,
    )
