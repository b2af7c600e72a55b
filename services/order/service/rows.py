"""Translates an order's rows into what the domain reasons about, and back."""

from collections.abc import Callable, Sequence

from libs.ids import id_of
from libs.money import Money
from services.order import models
from services.order.domain import saga as rules
from services.order.domain.goods import (
    AdjustedLine,
    Adjustment,
    AdjustmentKind,
    Goods,
    Pieces,
    Restock,
    Sold,
)
from services.order.domain.saga import Debt, Refund, RefundStatus, Saga
from services.order.domain.states import OrderStatus, PaymentStatus, ShipmentStatus
from services.order.repository import OrderGoods, OrderState


def saga_of(state: OrderState) -> Saga:
    """Read the process state of an order."""
    order = state.order
    return Saga(
        total=Money(order.total_minor, order.currency),
        order=OrderStatus(order.order_status),
        payment=PaymentStatus(order.payment_status),
        shipment=ShipmentStatus(order.shipment_status),
        stock_returned=order.stock_returned,
        captured_minor=order.captured_minor,
        refunds=tuple(_refund(row) for row in state.refunds),
        adjustments=_adjustments(state),
        parcels=order.parcels,
        payment_version=order.payment_version,
        action_url=order.action_url,
        reason=order.reason,
    )


def refund_ids(order_id: str) -> Callable[[Debt], str]:
    """Name refunds after what they pay back: a restored order asks for the one the provider may know, not for a second."""

    def name(debt: Debt) -> str:
        owed = (debt.pays_for or "", str(debt.refused), str(debt.amount_minor))
        return id_of("rfd", order_id, *owed)

    return name


def goods_of(state: OrderState, goods: OrderGoods) -> Goods:
    """Read where the pieces of an order are."""
    order = state.order
    sold = [sold_of(line, tax_included=order.tax_included) for line in goods.lines]
    shipped = [Pieces(row.sku, row.quantity) for row in goods.shipment_lines]
    if order.shipment_status == ShipmentStatus.SHIPPED and not order.parcels:
        # Shipped before parcels had lines: the only one held everything.
        shipped = [Pieces(line.sku, line.quantity) for line in sold]
    return Goods.of(sold, shipped, _adjustments(state))


def sold_of(line: models.OrderLine, *, tax_included: bool) -> Sold:
    """Read what the customer pays for a line, its tax included."""
    price = Money(line.unit_price_minor, line.currency) * line.quantity
    tax = Money(0 if tax_included else line.tax_minor, line.currency)
    return Sold(line.sku, line.quantity, price + tax)


def write_state(order: models.Order, after: Saga) -> None:
    """Write the process state into an order's row."""
    order.order_status = after.order
    order.payment_status = after.payment
    order.shipment_status = after.shipment
    order.stock_returned = after.stock_returned
    order.captured_minor = after.captured_minor
    order.refunded_minor = after.refunded_minor
    order.parcels = after.parcels
    order.payment_version = after.payment_version
    order.action_url = after.action_url
    order.reason = after.reason


def write_adjustments(state: OrderState, after: Saga) -> list[models.Adjustment]:
    """Write what became of known adjustments; return rows for the new ones."""
    known = {row.id: row for row in state.adjustments}
    for one in after.adjustments:
        if one.id in known:
            known[one.id].restock = one.restock
    return [_adjustment_row(state.order, one) for one in after.adjustments if one.id not in known]


def write_refunds(state: OrderState, after: Saga) -> list[models.Refund]:
    """Write what became of known refunds; return rows for the new ones."""
    known = {row.id: row for row in state.refunds}
    for one in after.refunds:
        if one.id in known:
            known[one.id].status = one.status
    return [_refund_row(state.order, one) for one in after.refunds if one.id not in known]


def lines_of_new(state: OrderState, after: Saga) -> list[models.AdjustmentLine]:
    """Return the rows that say which pieces the new adjustments are about."""
    known = {row.id for row in state.adjustments}
    return [
        models.AdjustmentLine(
            adjustment_id=adjustment.id,
            sku=line.sku,
            order_id=state.order.id,
            quantity=line.quantity,
            refunded=line.refunded,
            amount_minor=line.amount_minor,
        )
        for adjustment in after.adjustments
        if adjustment.id not in known
        for line in adjustment.lines
    ]


def timeline_of(
    order: models.Order, before: Saga, after: Saga, cause: str, event_id: str | None
) -> list[models.TimelineEntry]:
    """Return a row for each step on each axis, numbered on from the last."""
    entries = []
    for change in rules.changes(before, after):
        order.last_sequence += 1
        entries.append(
            models.TimelineEntry(
                order_id=order.id,
                sequence=order.last_sequence,
                axis=change.axis,
                from_status=change.before,
                to_status=change.after,
                cause=cause,
                cause_event_id=event_id,
            )
        )
    return entries


def _refund(row: models.Refund) -> Refund:
    return Refund(row.id, row.amount_minor, row.reason, RefundStatus(row.status), row.pays_for)


def _refund_row(order: models.Order, refund: Refund) -> models.Refund:
    return models.Refund(
        id=refund.id,
        order_id=order.id,
        amount_minor=refund.amount_minor,
        currency=order.currency,
        status=refund.status,
        reason=refund.reason,
        pays_for=refund.pays_for,
    )


def _adjustments(state: OrderState) -> tuple[Adjustment, ...]:
    return tuple(
        Adjustment(
            row.id,
            AdjustmentKind(row.kind),
            row.reason,
            Restock(row.restock),
            _adjusted_lines(row.id, state.adjustment_lines),
            row.refund_minor,
        )
        for row in state.adjustments
    )


def _adjusted_lines(
    adjustment_id: str, rows: Sequence[models.AdjustmentLine]
) -> tuple[AdjustedLine, ...]:
    return tuple(
        AdjustedLine(row.sku, row.quantity, row.refunded, row.amount_minor)
        for row in rows
        if row.adjustment_id == adjustment_id
    )


def _adjustment_row(order: models.Order, adjustment: Adjustment) -> models.Adjustment:
    return models.Adjustment(
        id=adjustment.id,
        order_id=order.id,
        kind=adjustment.kind,
        reason=adjustment.reason,
        refund_minor=adjustment.refund_minor,
        currency=order.currency,
        restock=adjustment.restock,
    )
