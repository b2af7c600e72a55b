"""Phrases what an order asks for and tells as the messages others understand."""

from libs.contracts.message import Amount, Command, Event
from libs.contracts.order import (
    LineQuantity,
    OrderCancelled,
    OrderConfirmed,
    OrderFailed,
    OrderLinesCancelled,
    OrderReturned,
)
from libs.contracts.payment import AuthorizePayment, CapturePayment, RefundPayment, VoidPayment
from libs.contracts.product import CommitStock, ReleaseStock, ReturnedPieces, ReturnStock
from libs.money import Money
from services.order.domain.goods import Adjustment, AdjustmentKind
from services.order.domain.saga import COMPENSATION, Ask, Outstanding, Saga
from services.order.domain.states import OrderStatus
from services.order.models import Order


def command_for(order: Order, saga: Saga, ask: Outstanding) -> Command:
    """Phrase an unanswered ask as the message its receiver understands."""
    reason = saga.reason or COMPENSATION
    match ask.ask:
        case Ask.COMMIT_STOCK:
            return CommitStock(order_id=order.id)
        case Ask.RELEASE_STOCK:
            return ReleaseStock(order_id=order.id, reason=reason)
        case Ask.RETURN_STOCK:
            return _return_stock(order, saga, ask)
        case _:
            return _payment_command(order, saga, ask, reason)


def event_for(order: Order, before: Saga, after: Saga) -> Event | None:
    """Phrase what others should know of a step; at most one event, because each has a version of its own."""
    if before.order != after.order:
        return _outcome(order)
    known = {one.id for one in before.adjustments}
    new = [one for one in after.adjustments if one.id not in known]
    return _adjusted(order, new[0]) if new else None


def _payment_command(order: Order, saga: Saga, ask: Outstanding, reason: str) -> Command:
    match ask.ask:
        case Ask.AUTHORIZE:
            return AuthorizePayment(
                order_id=order.id,
                user_id=order.user_id,
                home_region=order.home_region,
                amount=Amount.of(saga.total),
                payment_method=order.payment_method,
                return_url=order.return_url,
            )
        case Ask.CAPTURE:
            return CapturePayment(order_id=order.id)
        case Ask.VOID:
            return VoidPayment(order_id=order.id, reason=reason)
        case _:
            return _refund_payment(order, saga, ask)


def _return_stock(order: Order, saga: Saga, ask: Outstanding) -> ReturnStock:
    adjustment = next(one for one in saga.adjustments if one.id == ask.about)
    return ReturnStock(
        order_id=order.id,
        return_id=adjustment.id,
        lines=tuple(
            ReturnedPieces(sku=line.sku, quantity=line.quantity) for line in adjustment.lines
        ),
        reason=adjustment.reason,
    )


def _refund_payment(order: Order, saga: Saga, ask: Outstanding) -> RefundPayment:
    refund = next(one for one in saga.refunds if one.id == ask.about)
    return RefundPayment(
        order_id=order.id,
        refund_id=refund.id,
        amount=Amount.of(Money(refund.amount_minor, order.currency)),
        reason=refund.reason,
    )


def _outcome(order: Order) -> Event:
    reason = order.reason or COMPENSATION
    match OrderStatus(order.order_status):
        case OrderStatus.CONFIRMED:
            total = Amount(amount_minor=order.total_minor, currency=order.currency)
            return OrderConfirmed(order_id=order.id, user_id=order.user_id, total=total)
        case OrderStatus.CANCELLED:
            return OrderCancelled(order_id=order.id, user_id=order.user_id, reason=reason)
        case OrderStatus.PENDING | OrderStatus.FAILED:
            return OrderFailed(order_id=order.id, user_id=order.user_id, reason=reason)


def _adjusted(order: Order, adjustment: Adjustment) -> Event | None:
    lines = tuple(LineQuantity(sku=one.sku, quantity=one.quantity) for one in adjustment.lines)
    refund = Amount(amount_minor=adjustment.refund_minor, currency=order.currency)
    match adjustment.kind:
        case AdjustmentKind.CANCELLATION:
            return OrderLinesCancelled(
                order_id=order.id,
                user_id=order.user_id,
                cancellation_id=adjustment.id,
                lines=lines,
                refund=refund,
            )
        case AdjustmentKind.RETURN:
            return OrderReturned(
                order_id=order.id,
                user_id=order.user_id,
                return_id=adjustment.id,
                lines=lines,
                refund=refund,
            )
        case AdjustmentKind.REFUND:
            return None
