"""Computes every amount of an order again from its rows alone, in plain integers: a second opinion on `domain`.

Deliberately shares no code with what wrote the rows. Orders older than the stored rates are checked for their sums only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from libs.database.session import Database
from services.order.models import Order, OrderLine
from services.order.repository import OrderDetails, OrderRepository

_BATCH = 100
_WHOLE = 10_000


@dataclass(frozen=True)
class Audited:
    """How many orders were looked at, and what does not add up."""

    orders: int
    discrepancies: list[str]


async def audit(database: Database) -> Audited:
    """Compute every order of the database again, a page per transaction."""
    after, orders, found = "", 0, list[str]()
    while True:
        async with database.transaction() as session:
            repository = OrderRepository(session)
            order_ids = await repository.ids_after(after, _BATCH)
            for order_id in order_ids:
                details = await repository.details(order_id)
                if details is not None:
                    found += [f"{order_id}: {one}" for one in discrepancies(details)]
        if not order_ids:
            return Audited(orders, found)
        after, orders = order_ids[-1], orders + len(order_ids)


def discrepancies(details: OrderDetails) -> Iterator[str]:
    """Name every amount that cannot be computed from the rows it should follow from."""
    order, lines = details.order, details.goods.lines
    subtotal = sum(line.unit_price_minor * line.quantity for line in lines)
    yield from _differs("subtotal", order.subtotal_minor, subtotal)
    tax = sum(line.tax_minor for line in lines)
    if order.rates_version is not None:
        for line in lines:
            amount = line.unit_price_minor * line.quantity
            owed = _tax(order, amount, line.tax_basis_points or 0)
            yield from _differs(f"tax of {line.sku}", line.tax_minor, owed)
        shipping = _shipping(order, subtotal)
        yield from _differs("shipping", order.shipping_minor, shipping)
        tax += _tax(order, shipping, order.shipping_tax_basis_points or 0)
        yield from _differs("tax", order.tax_minor, tax)
    on_top = 0 if order.tax_included else order.tax_minor
    total = subtotal + order.shipping_minor + on_top
    yield from _differs("total", order.total_minor, total)
    yield from _allocations(details)
    yield from _refunds(details)


def _differs(what: str, stored: int, computed: int) -> Iterator[str]:
    if stored != computed:
        yield f"{what} is {stored}, computed {computed}"


def _tax(order: Order, amount: int, basis_points: int) -> int:
    if order.tax_included:
        # The part of the amount that is tax; what cannot be split evenly goes to the goods.
        share, rest = divmod(amount * basis_points, _WHOLE + basis_points)
        return share + (2 * rest > _WHOLE + basis_points)
    share, rest = divmod(amount * basis_points, _WHOLE)
    return share + (2 * rest >= _WHOLE)


def _shipping(order: Order, subtotal: int) -> int:
    free = subtotal >= (order.shipping_free_from_minor or 0)
    return 0 if free else order.shipping_flat_minor or 0


def _allocations(details: OrderDetails) -> Iterator[str]:
    """What was paid back for pieces of a line are its shares, in the order they were paid back."""
    by_line = {line.sku: line for line in details.goods.lines}
    gone = dict.fromkeys(by_line, 0)
    for adjustment in details.state.adjustments:
        owed = 0
        for row in details.state.adjustment_lines:
            if row.adjustment_id != adjustment.id:
                continue
            line, before = by_line[row.sku], gone[row.sku]
            gone[row.sku] = before + row.refunded
            share = _share(details.order, line, gone[row.sku]) - _share(details.order, line, before)
            yield from _differs(f"{adjustment.id} for {row.sku}", row.amount_minor, share)
            owed += share
        if adjustment.refund_minor > owed:
            yield f"{adjustment.id} pays {adjustment.refund_minor} for pieces worth {owed}"


def _share(order: Order, line: OrderLine, count: int) -> int:
    paid = line.unit_price_minor * line.quantity
    paid += 0 if order.tax_included else line.tax_minor
    share, rest = divmod(paid * count, line.quantity)
    return share + (rest > 0 and 2 * rest >= line.quantity)


def _refunds(details: OrderDetails) -> Iterator[str]:
    order, refunds = details.order, details.state.refunds
    paid = sum(row.amount_minor for row in refunds if row.status == "succeeded")
    yield from _differs("refunded", order.refunded_minor, paid)
    asked = paid + sum(row.amount_minor for row in refunds if row.status == "requested")
    if asked > order.captured_minor:
        yield f"{asked} is asked back of {order.captured_minor} captured"
