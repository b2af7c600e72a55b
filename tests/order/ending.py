"""How every order ends, whatever went wrong on the way."""

from collections import Counter

from services.order.domain.goods import AdjustmentKind, Restock
from services.order.domain.saga import TAKEN, RefundStatus, Saga, is_settled, unpaid
from services.order.domain.states import OrderStatus, PaymentStatus
from tests.order.world import Payment, Stock


def check_the_end(saga: Saga, payment: Payment, stock: Stock) -> None:
    """Nobody is owed anything, and everybody believes the same."""
    assert is_settled(saga), saga
    assert not unpaid(saga) or not saga.is_live
    if saga.order == OrderStatus.CONFIRMED:
        assert stock.state == "committed"
        assert saga.payment in TAKEN
        assert stock.back == _restocked(saga)
        _check_what_was_paid_back(saga, payment)
        return
    assert saga.order in {OrderStatus.FAILED, OrderStatus.CANCELLED}
    assert stock.state in {"released", "rejected"}
    assert payment.captured == payment.refunded
    assert payment.state != "authorized" or payment.captured
    assert saga.payment != PaymentStatus.REQUIRES_ACTION


def _check_what_was_paid_back(saga: Saga, payment: Payment) -> None:
    succeeded = [one for one in saga.refunds if one.status == RefundStatus.SUCCEEDED]
    by_hand = sum(one.amount_minor for one in succeeded if one.pays_for is None)
    owed = sum(adjustment.refund_minor for adjustment in saga.adjustments)
    assert payment.refunded == saga.refunded_minor == by_hand + owed


def _restocked(saga: Saga) -> Counter[str]:
    back = Counter[str]()
    for adjustment in saga.adjustments:
        if adjustment.kind == AdjustmentKind.REFUND:
            assert adjustment.restock == Restock.NONE
        if adjustment.restock != Restock.NONE:
            assert adjustment.restock == Restock.DONE
            back.update({one.sku: one.quantity for one in adjustment.lines})
    return back
