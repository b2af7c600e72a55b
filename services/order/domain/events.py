"""What each event of payment and product means to an order: pure functions from one `Saga` to the next.

Every function takes repeats, late and reordered news: it returns the state unchanged when the news is old.
"""

from dataclasses import replace

from libs.money import Money
from services.order.domain.goods import Restock
from services.order.domain.saga import TAKEN, UNANSWERED, VOIDABLE, Refund, RefundStatus, Saga
from services.order.domain.states import OrderStatus, PaymentStatus
from services.order.errors import PrecedesItsState, UnknownAdjustment, UnknownRefund

_IN_TALKS = frozenset({PaymentStatus.PENDING, PaymentStatus.REQUIRES_ACTION})
_GIVEN_UP = frozenset({PaymentStatus.DECLINED, PaymentStatus.VOIDED})


def payment_authorized(saga: Saga, amount: Money, version: int) -> Saga:
    """The provider promises `amount`; another amount than the total closes the order."""
    if saga.payment not in UNANSWERED | _GIVEN_UP or version <= saga.payment_version:
        return saga
    moved = saga.with_payment(PaymentStatus.AUTHORIZED, version)
    if moved.is_live and amount != saga.total:
        return moved.closed("amount_mismatch")
    return moved


def payment_declined(saga: Saga, version: int) -> Saga:
    """The provider refused the authorisation, or later the capture."""
    if saga.payment not in VOIDABLE or version <= saga.payment_version:
        return saga
    return saga.with_payment(PaymentStatus.DECLINED, version).closed("payment_declined")


def payment_unknown(saga: Saga, version: int) -> Saga:
    """The provider did not answer; payment asks it again and will tell."""
    if saga.payment not in _IN_TALKS or version <= saga.payment_version:
        return saga
    return saga.with_payment(PaymentStatus.UNKNOWN, version)


def payment_action_required(saga: Saga, url: str, version: int) -> Saga:
    """The customer has to confirm the payment with their bank at `url`; a newer address replaces an older one."""
    if saga.payment not in UNANSWERED or version <= saga.payment_version or url == saga.action_url:
        return saga
    if saga.payment == PaymentStatus.REQUIRES_ACTION:
        return replace(saga, action_url=url, payment_version=version)
    return replace(saga.with_payment(PaymentStatus.REQUIRES_ACTION, version), action_url=url)


def payment_voided(saga: Saga, version: int) -> Saga:
    """Nothing will be charged; an order that still counted on the money fails."""
    if saga.payment not in VOIDABLE or version <= saga.payment_version:
        return saga
    return saga.with_payment(PaymentStatus.VOIDED, version).closed("payment_voided")


def payment_captured(saga: Saga, amount: Money, version: int) -> Saga:
    """The money moved. Taken money is never ignored, however late or old the news.

    Raises:
        PrecedesItsState: the authorisation, or the confirmation that asked for the capture, is not known yet.
    """
    if saga.payment in TAKEN:
        return saga
    if saga.payment in UNANSWERED or saga.order == OrderStatus.PENDING:
        raise PrecedesItsState("captured before confirmed")
    moved = saga.with_payment(PaymentStatus.CAPTURED, version)
    return replace(moved, captured_minor=amount.amount_minor)


def refund_succeeded(saga: Saga, refund_id: str, version: int) -> Saga:
    """One refund went through.

    Raises:
        PrecedesItsState: the capture is not known yet.
        UnknownRefund: this order asked for no such refund.
    """
    refund = _refund(saga, refund_id)
    if refund.status != RefundStatus.REQUESTED:
        return saga
    if saga.payment not in TAKEN:
        raise PrecedesItsState("refunded before captured")
    marked = _mark(saga, refund, RefundStatus.SUCCEEDED)
    whole = marked.refunded_minor >= saga.captured_minor
    target = PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED
    return marked.with_payment(target, version)


def refund_failed(saga: Saga, refund_id: str) -> Saga:
    """One refund was refused; the amount may be asked back again.

    Raises:
        UnknownRefund: this order asked for no such refund.
    """
    refund = _refund(saga, refund_id)
    return (
        saga
        if refund.status != RefundStatus.REQUESTED
        else _mark(saga, refund, RefundStatus.FAILED)
    )


def stock_committed(saga: Saga) -> Saga:
    """The pieces are sold: the order is confirmed.

    Raises:
        PrecedesItsState: the authorisation that asked for the sale is not known yet.
    """
    if saga.order != OrderStatus.PENDING:
        return saga
    if saga.payment in UNANSWERED:
        raise PrecedesItsState("stock committed before payment authorized")
    return saga.with_order(OrderStatus.CONFIRMED)


def stock_commit_rejected(saga: Saga) -> Saga:
    """The hold had run out and the pieces are gone: nothing is held, so nothing needs releasing."""
    if saga.order != OrderStatus.PENDING:
        return saga
    return replace(saga.closed("out_of_stock"), stock_returned=True)


def stock_released(saga: Saga) -> Saga:
    """The pieces can be bought again. A live order ignores it: commit acquires an expired hold again."""
    return saga if saga.is_live else replace(saga, stock_returned=True)


def stock_returned(saga: Saga, adjustment_id: str) -> Saga:
    """The pieces of one cancellation or return can be bought again.

    Raises:
        UnknownAdjustment: this order gave no such pieces back.
    """
    for index, known in enumerate(saga.adjustments):
        if known.id == adjustment_id:
            done = replace(known, restock=Restock.DONE)
            others = saga.adjustments
            return replace(saga, adjustments=(*others[:index], done, *others[index + 1 :]))
    raise UnknownAdjustment(adjustment_id)


def _mark(saga: Saga, refund: Refund, status: RefundStatus) -> Saga:
    marked = tuple(
        replace(known, status=status) if known.id == refund.id else known for known in saga.refunds
    )
    return replace(saga, refunds=marked)


def _refund(saga: Saga, refund_id: str) -> Refund:
    for refund in saga.refunds:
        if refund.id == refund_id:
            return refund
    raise UnknownRefund(refund_id)
