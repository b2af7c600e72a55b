"""What people and the passing of time ask of an order: cancel, ship, take back, refund, give up waiting."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from libs.errors import DomainError
from libs.money import Money
from services.order.domain.goods import (
    AdjustedLine,
    Adjustment,
    AdjustmentKind,
    Goods,
    Line,
    Pieces,
    Restock,
)
from services.order.domain.saga import TAKEN, UNANSWERED, Debt, Refund, Saga, debts
from services.order.domain.states import OrderStatus, ShipmentStatus
from services.order.errors import (
    NotCancellable,
    NotRefundable,
    NotReturnable,
    NotShippable,
    RefundTooLarge,
)


def cancel(saga: Saga, reason: str) -> Saga:
    """Call the whole order off before anything is shipped; repeating it changes nothing.

    Raises:
        NotCancellable: something was shipped, or the order failed already.
    """
    if saga.order == OrderStatus.CANCELLED:
        return saga
    if saga.shipment == ShipmentStatus.SHIPPED:
        raise NotCancellable("The order was shipped; ask for a refund instead.")
    if saga.shipment == ShipmentStatus.PARTIALLY_SHIPPED:
        raise NotCancellable("A part was shipped; name the `lines` that were not.")
    if saga.order == OrderStatus.FAILED:
        raise NotCancellable("The order failed; there is nothing to cancel.")
    return replace(saga.with_order(OrderStatus.CANCELLED), reason=reason)


def cancel_lines(
    saga: Saga, goods: Goods, adjustment_id: str, wanted: Sequence[Pieces], reason: str
) -> Saga:
    """Call off pieces that were not shipped. The last ones of an order that shipped nothing take all of it along.

    This and the three below change nothing when repeated under the same id.

    Raises:
        NotCancellable: the order is not confirmed, or fewer pieces are left to ship.
    """
    if saga.has_adjustment(adjustment_id):
        return saga
    if saga.order != OrderStatus.CONFIRMED:
        raise NotCancellable("Only a confirmed order is cancelled in part; cancel it as a whole.")
    lines = _require(goods, wanted, lambda line: line.open, NotCancellable, "not shipped yet")
    last = goods.leaves_nothing_open(wanted)
    if last and saga.shipment == ShipmentStatus.PENDING:
        return cancel(saga, reason)
    draft = Adjustment(adjustment_id, AdjustmentKind.CANCELLATION, reason, Restock.REQUESTED)
    after = _adjusted(saga, lines, draft, wanted)
    return after.with_shipment(ShipmentStatus.SHIPPED) if last else after


def ship(
    saga: Saga, goods: Goods, wanted: Sequence[Pieces] | None
) -> tuple[Saga, Sequence[Pieces]]:
    """Send a parcel with these pieces, or with all that is left; returns what is in it.

    Raises:
        NotShippable: not confirmed, not captured, paid back as a whole, or not that many pieces are left to ship.
    """
    if saga.shipment == ShipmentStatus.SHIPPED:
        raise NotShippable("The order was shipped already.")
    if saga.order != OrderStatus.CONFIRMED or saga.payment not in TAKEN:
        raise NotShippable("Only a confirmed order with a captured payment can be shipped.")
    if saga.left_minor <= 0:
        raise NotShippable("The whole amount went back or is on its way back.")
    parcel = goods.open if wanted is None else wanted
    _require(goods, parcel, lambda line: line.open, NotShippable, "left to ship")
    whole = goods.leaves_nothing_open(parcel)
    status = ShipmentStatus.SHIPPED if whole else ShipmentStatus.PARTIALLY_SHIPPED
    return replace(saga.with_shipment(status), parcels=saga.parcels + 1), parcel


def take_back(
    saga: Saga,
    goods: Goods,
    adjustment_id: str,
    wanted: Sequence[Pieces],
    reason: str,
    *,
    restock: bool,
) -> Saga:
    """Record pieces that came back; they are paid back unless that many were refunded before.

    Raises:
        NotReturnable: the customer has fewer pieces.
    """
    if saga.has_adjustment(adjustment_id):
        return saga
    lines = _require(
        goods, wanted, lambda line: line.returnable, NotReturnable, "with the customer"
    )
    to_stock = Restock.REQUESTED if restock else Restock.NONE
    draft = Adjustment(adjustment_id, AdjustmentKind.RETURN, reason, to_stock)
    return _adjusted(saga, lines, draft, wanted)


def refund_lines(
    saga: Saga, goods: Goods, adjustment_id: str, wanted: Sequence[Pieces], reason: str
) -> Saga:
    """Pay shipped pieces back that do not come back, such as lost or broken ones.

    Raises:
        NotRefundable: fewer pieces were shipped and are still paid for, or nothing is left of the payment.
    """
    if saga.has_adjustment(adjustment_id):
        return saga
    lines = _require(
        goods, wanted, lambda line: line.charged, NotRefundable, "shipped and not yet paid back"
    )
    draft = Adjustment(adjustment_id, AdjustmentKind.REFUND, reason)
    after = _adjusted(saga, lines, draft, wanted)
    if not after.adjustments[-1].refund_minor:
        raise NotRefundable("Nothing was paid for these pieces, or all of it goes back already.")
    return after


def request_refund(saga: Saga, refund_id: str, amount: Money | None, reason: str) -> Saga:
    """Ask money back for a confirmed order; without an amount, all that is left.

    Raises:
        NotRefundable: nothing is captured, nothing is left, or a closed order already pays itself back.
        RefundTooLarge: more than what is left, or another currency.
    """
    if any(refund.id == refund_id for refund in saga.refunds):
        return saga
    if saga.order != OrderStatus.CONFIRMED or saga.payment not in TAKEN:
        raise NotRefundable("Only a confirmed order with a captured payment can be refunded.")
    left = Money(saga.left_minor, saga.total.currency)
    if left.amount_minor <= 0:
        raise NotRefundable("The whole amount went back or is on its way back.")
    wanted = amount or left
    if wanted.currency != left.currency or wanted.amount_minor > left.amount_minor:
        raise RefundTooLarge(f"At most {left} can still be refunded.")
    return saga.with_refund(Refund(refund_id, wanted.amount_minor, reason))


def pay_debts(saga: Saga, refund_id: Callable[[Debt], str], tries: int) -> Saga:
    """Ask back everything that is owed and was refused less than `tries` times; an order without debts stays as it is."""
    for debt in debts(saga):
        if debt.refused < tries:
            refund = Refund(refund_id(debt), debt.amount_minor, debt.reason, pays_for=debt.pays_for)
            saga = saga.with_refund(refund)
    return saga


def expire(saga: Saga) -> Saga:
    """Give up waiting for an order that stayed pending too long; its payment stays what it is until payment tells."""
    if saga.order != OrderStatus.PENDING:
        return saga
    unpaid = saga.payment in UNANSWERED
    return saga.closed("payment_timeout" if unpaid else "stock_commit_timeout")


def _require(
    goods: Goods,
    wanted: Sequence[Pieces],
    available: Callable[[Line], int],
    refusal: type[DomainError],
    which: str,
) -> list[Line]:
    """Return the line of each of the wanted pieces; refuse more pieces than there are."""
    lines = []
    for one in wanted:
        line = goods.line(one.sku)
        if line is None:
            raise refusal("Name SKUs of the order's own lines.", extensions={"available": 0})
        most, sku = available(line), line.sold.sku
        if one.quantity > most:
            raise refusal(
                f"{most} pieces of {sku} are {which}.", extensions={"sku": sku, "available": most}
            )
        lines.append(line)
    return lines


def _adjusted(
    saga: Saga, lines: Sequence[Line], draft: Adjustment, wanted: Sequence[Pieces]
) -> Saga:
    """Add an adjustment priced from the lines as they were sold, never more than is left of what was paid."""
    adjusted = tuple(
        _adjusted_line(line, one.quantity, draft.kind)
        for line, one in zip(lines, wanted, strict=True)
    )
    owed = min(sum(line.amount_minor for line in adjusted), max(saga.left_minor, 0))
    return saga.with_adjustment(replace(draft, lines=adjusted, refund_minor=owed))


def _adjusted_line(line: Line, quantity: int, kind: AdjustmentKind) -> AdjustedLine:
    # A returned piece that was refunded before is not paid back again.
    paid_back = min(quantity, line.charged) if kind == AdjustmentKind.RETURN else quantity
    return AdjustedLine(line.sold.sku, quantity, paid_back, line.price_of(paid_back))
