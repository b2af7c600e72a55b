"""What people and the passing of time ask of an order: cancel, ship, refund, give up waiting."""

from dataclasses import replace

from libs.money import Money
from services.order.domain.saga import TAKEN, UNANSWERED, Refund, Saga, owes_refund
from services.order.domain.states import Axis, OrderStatus, ShipmentStatus, require_edge
from services.order.errors import NotCancellable, NotRefundable, NotShippable, RefundTooLarge

COMPENSATION = "order_closed"
"""Reason of the refunds an order asks for itself."""


def cancel(saga: Saga, reason: str) -> Saga:
    """Call the order off before shipment; repeating it changes nothing.

    Raises:
        NotCancellable: it was shipped, or failed already.
    """
    if saga.order == OrderStatus.CANCELLED:
        return saga
    if saga.shipment != ShipmentStatus.PENDING:
        raise NotCancellable("The order was shipped; ask for a refund instead.")
    if saga.order == OrderStatus.FAILED:
        raise NotCancellable("The order failed; there is nothing to cancel.")
    return replace(saga.with_order(OrderStatus.CANCELLED), reason=reason)


def ship(saga: Saga) -> Saga:
    """Send the goods.

    Raises:
        NotShippable: not confirmed, not captured, refunded as a whole, or shipped already.
    """
    if saga.shipment != ShipmentStatus.PENDING:
        raise NotShippable("The order was shipped already.")
    if saga.order != OrderStatus.CONFIRMED or saga.payment not in TAKEN:
        raise NotShippable("Only a confirmed order with a captured payment can be shipped.")
    if saga.refundable_minor <= 0:
        raise NotShippable("The whole amount went back or is on its way back.")
    require_edge(Axis.SHIPMENT, saga.shipment, ShipmentStatus.SHIPPED)
    return replace(saga, shipment=ShipmentStatus.SHIPPED)


def request_refund(saga: Saga, refund_id: str, amount: Money | None, reason: str) -> Saga:
    """Ask money back for a confirmed order; without an amount, all that is left.

    Raises:
        NotRefundable: nothing is captured, nothing is left, or a closed order already pays itself back.
        RefundTooLarge: more than what is left, or another currency.
    """
    if saga.order != OrderStatus.CONFIRMED or saga.payment not in TAKEN:
        raise NotRefundable("Only a confirmed order with a captured payment can be refunded.")
    left = Money(saga.refundable_minor, saga.total.currency)
    if left.amount_minor <= 0:
        raise NotRefundable("The whole amount went back or is on its way back.")
    wanted = amount or left
    if wanted.currency != left.currency or wanted.amount_minor > left.amount_minor:
        raise RefundTooLarge(f"At most {left} can still be refunded.")
    return saga.with_refund(Refund(refund_id, wanted.amount_minor, reason))


def compensate(saga: Saga, refund_id: str) -> Saga:
    """Ask back all that a closed order still keeps; an order that owes nothing stays as it is."""
    if not owes_refund(saga):
        return saga
    return saga.with_refund(Refund(refund_id, saga.refundable_minor, COMPENSATION))


def expire(saga: Saga) -> Saga:
    """Give up waiting for an order that stayed pending too long; its payment stays what it is until payment tells."""
    if saga.order != OrderStatus.PENDING:
        return saga
    unpaid = saga.payment in UNANSWERED
    return saga.closed("payment_timeout" if unpaid else "stock_commit_timeout")
