from collections.abc import Callable
from dataclasses import replace

import pytest

from libs.money import Money
from services.order.domain import events
from services.order.domain.goods import Goods, Sold
from services.order.domain.requests import cancel, expire, pay_debts, request_refund, ship
from services.order.domain.saga import (
    Ask,
    Change,
    Outstanding,
    Refund,
    RefundStatus,
    Saga,
    changes,
    debts,
    is_settled,
    outstanding,
)
from services.order.domain.states import Axis, OrderStatus, PaymentStatus, ShipmentStatus
from services.order.errors import (
    NotCancellable,
    NotRefundable,
    NotShippable,
    PrecedesItsState,
    RefundTooLarge,
    UnknownRefund,
)

TOTAL = Money(5000, "USD")
GOODS = Goods.of([Sold("MUG", 2, TOTAL)], (), ())
PLACED = Saga(total=TOTAL)
UNKNOWN = events.payment_unknown(PLACED, 1)
AUTHORIZED = events.payment_authorized(PLACED, TOTAL, 1)
CONFIRMED = events.stock_committed(AUTHORIZED)
PAID = events.payment_captured(CONFIRMED, TOTAL, 2)
SHIPPED, _ = ship(PAID, GOODS, None)
DECLINED = events.payment_declined(PLACED, 1)
CANCELLED = cancel(PLACED, "changed_mind")


def asks(saga: Saga) -> list[Ask]:
    return [one.ask for one in outstanding(saga)]


def test_a_purchase_asks_one_thing_after_the_other() -> None:
    assert asks(PLACED) == [Ask.AUTHORIZE]
    assert asks(AUTHORIZED) == [Ask.COMMIT_STOCK]
    assert asks(CONFIRMED) == [Ask.CAPTURE]
    assert asks(PAID) == []
    assert is_settled(PAID)
    assert is_settled(SHIPPED)


def test_an_unknown_outcome_is_asked_for_again_never_guessed() -> None:
    assert (UNKNOWN.order, UNKNOWN.payment) == (OrderStatus.PENDING, PaymentStatus.UNKNOWN)
    assert asks(UNKNOWN) == [Ask.AUTHORIZE]
    assert events.payment_authorized(UNKNOWN, TOTAL, 2).payment == PaymentStatus.AUTHORIZED


def test_a_declined_payment_fails_the_order_and_gives_the_stock_back() -> None:
    assert (DECLINED.order, DECLINED.reason) == (OrderStatus.FAILED, "payment_declined")
    assert asks(DECLINED) == [Ask.RELEASE_STOCK]
    assert is_settled(events.stock_released(DECLINED))


def test_a_refused_capture_fails_a_confirmed_order() -> None:
    refused = events.payment_declined(CONFIRMED, 2)
    assert (refused.order, refused.payment) == (OrderStatus.FAILED, PaymentStatus.DECLINED)


def test_a_promise_of_another_amount_fails_the_order_and_is_voided() -> None:
    odd = events.payment_authorized(PLACED, Money(1, "USD"), 1)
    assert (odd.order, odd.reason) == (OrderStatus.FAILED, "amount_mismatch")
    assert asks(odd) == [Ask.VOID, Ask.RELEASE_STOCK]


def test_stock_that_ran_out_fails_the_order_and_voids_the_payment() -> None:
    failed = events.stock_commit_rejected(AUTHORIZED)
    assert (failed.order, failed.reason) == (OrderStatus.FAILED, "out_of_stock")
    assert asks(failed) == [Ask.VOID]


def test_a_void_nobody_asked_for_fails_the_order() -> None:
    voided = events.payment_voided(AUTHORIZED, 2)
    assert (voided.order, voided.reason) == (OrderStatus.FAILED, "payment_voided")
    assert asks(voided) == [Ask.RELEASE_STOCK]


@pytest.mark.parametrize("state", [PLACED, UNKNOWN, AUTHORIZED, CONFIRMED])
def test_cancelling_before_capture_voids_and_releases(state: Saga) -> None:
    cancelled = cancel(state, "changed_mind")
    assert asks(cancelled) == [Ask.VOID, Ask.RELEASE_STOCK]
    settled = events.stock_released(events.payment_voided(cancelled, 9))
    assert is_settled(settled)
    assert settled.reason == "changed_mind"


def test_cancelling_a_paid_order_refunds_it() -> None:
    cancelled = pay_debts(cancel(PAID, "changed_mind"), lambda _: "rfd_1", 1)
    assert outstanding(cancelled) == (
        Outstanding(Ask.RELEASE_STOCK),
        Outstanding(Ask.REFUND, "rfd_1"),
    )
    refunded = events.refund_succeeded(cancelled, "rfd_1", 3)
    assert refunded.payment == PaymentStatus.REFUNDED
    assert not debts(refunded)


def test_cancelling_twice_changes_nothing() -> None:
    assert cancel(CANCELLED, "other") is CANCELLED


def test_what_was_shipped_or_failed_cannot_be_cancelled() -> None:
    for state in (SHIPPED, DECLINED):
        with pytest.raises(NotCancellable):
            cancel(state, "changed_mind")


@pytest.mark.parametrize("closed", [CANCELLED, DECLINED])
def test_a_payment_that_succeeds_too_late_is_voided(closed: Saga) -> None:
    late = events.payment_authorized(closed, TOTAL, 7)
    assert (late.order, late.payment) == (closed.order, PaymentStatus.AUTHORIZED)
    assert Ask.VOID in asks(late)


@pytest.mark.parametrize("given_up", [PaymentStatus.DECLINED, PaymentStatus.VOIDED])
def test_money_taken_too_late_is_returned(given_up: PaymentStatus) -> None:
    closed = replace(CANCELLED, payment=given_up, payment_version=3)
    late = events.payment_captured(closed, TOTAL, 2)
    assert late.payment == PaymentStatus.CAPTURED
    assert debts(late)
    assert not is_settled(late)
    assert Outstanding(Ask.REFUND, "rfd_1") in outstanding(pay_debts(late, lambda _: "rfd_1", 1))


def test_only_a_newer_authorisation_revives_a_payment_that_was_given_up() -> None:
    assert events.payment_authorized(DECLINED, TOTAL, 1) is DECLINED


def test_compensation_is_asked_for_only_when_owed() -> None:
    assert pay_debts(PAID, lambda _: "rfd_1", 1) is PAID


@pytest.mark.parametrize(
    ("state", "news"),
    [
        (AUTHORIZED, lambda saga: events.payment_authorized(saga, TOTAL, 9)),
        (AUTHORIZED, lambda saga: events.payment_unknown(saga, 9)),
        (AUTHORIZED, lambda saga: events.payment_declined(saga, 1)),
        (AUTHORIZED, lambda saga: events.payment_voided(saga, 0)),
        (UNKNOWN, lambda saga: events.payment_authorized(saga, TOTAL, 1)),
        (PLACED, lambda saga: events.payment_unknown(saga, 0)),
        (PAID, lambda saga: events.payment_captured(saga, TOTAL, 2)),
        (PAID, lambda saga: events.payment_voided(saga, 9)),
        (PAID, lambda saga: events.payment_declined(saga, 9)),
        (CONFIRMED, events.stock_committed),
        (CONFIRMED, events.stock_commit_rejected),
        (CONFIRMED, events.stock_released),
        (CANCELLED, events.stock_committed),
        (CANCELLED, events.stock_commit_rejected),
        (PAID, expire),
    ],
)
def test_repeated_and_stale_news_change_nothing(state: Saga, news: Callable[[Saga], Saga]) -> None:
    assert news(state) == state


@pytest.mark.parametrize(
    ("state", "news"),
    [
        (PLACED, lambda saga: events.payment_captured(saga, TOTAL, 2)),
        (AUTHORIZED, lambda saga: events.payment_captured(saga, TOTAL, 2)),
        (UNKNOWN, events.stock_committed),
        (
            replace(CANCELLED, refunds=(Refund("rfd_1", 10, "other"),)),
            lambda saga: events.refund_succeeded(saga, "rfd_1", 3),
        ),
    ],
)
def test_news_that_come_too_early_say_so(state: Saga, news: Callable[[Saga], Saga]) -> None:
    with pytest.raises(PrecedesItsState):
        news(state)


def test_waiting_ends_with_the_reason_for_it() -> None:
    assert expire(PLACED).reason == "payment_timeout"
    assert expire(AUTHORIZED).reason == "stock_commit_timeout"
    assert expire(UNKNOWN).payment == PaymentStatus.UNKNOWN
    assert asks(expire(UNKNOWN)) == [Ask.VOID, Ask.RELEASE_STOCK]


def test_refunds_add_up_to_the_captured_amount_and_no_further() -> None:
    one = request_refund(PAID, "rfd_1", Money(2000, "USD"), "damaged")
    with pytest.raises(RefundTooLarge):
        request_refund(one, "rfd_2", Money(3001, "USD"), "damaged")
    with pytest.raises(RefundTooLarge):
        request_refund(one, "rfd_2", Money(10, "EUR"), "damaged")
    partly = events.refund_succeeded(one, "rfd_1", 3)
    assert partly.payment == PaymentStatus.PARTIALLY_REFUNDED
    two = request_refund(partly, "rfd_2", None, "damaged")
    assert two.requested_minor == 3000
    with pytest.raises(NotRefundable):
        request_refund(two, "rfd_3", None, "damaged")
    whole = events.refund_succeeded(two, "rfd_2", 4)
    assert (whole.payment, whole.refunded_minor) == (PaymentStatus.REFUNDED, 5000)


def test_a_second_partial_refund_is_a_step_of_its_own() -> None:
    asked = request_refund(PAID, "rfd_1", Money(10, "USD"), "goodwill")
    first = events.refund_succeeded(asked, "rfd_1", 3)
    again = request_refund(first, "rfd_2", Money(10, "USD"), "goodwill")
    second = events.refund_succeeded(again, "rfd_2", 4)
    status = PaymentStatus.PARTIALLY_REFUNDED
    assert list(changes(again, second)) == [Change(Axis.PAYMENT, status, status)]


def test_a_refused_refund_frees_its_amount() -> None:
    asked = request_refund(PAID, "rfd_1", None, "damaged")
    refused = events.refund_failed(asked, "rfd_1")
    assert refused.refundable_minor == 5000
    assert events.refund_failed(refused, "rfd_1") is refused
    assert events.refund_succeeded(refused, "rfd_1", 9) is refused
    other = request_refund(refused, "rfd_2", None, "damaged")
    both = events.refund_succeeded(other, "rfd_2", 9)
    assert [refund.status for refund in both.refunds] == [
        RefundStatus.FAILED,
        RefundStatus.SUCCEEDED,
    ]


def test_a_refund_this_order_never_asked_for_is_not_swallowed() -> None:
    with pytest.raises(UnknownRefund):
        events.refund_succeeded(PAID, "rfd_9", 3)


@pytest.mark.parametrize("state", [PLACED, CONFIRMED, CANCELLED, DECLINED])
def test_only_a_confirmed_and_paid_order_is_refunded_or_shipped(state: Saga) -> None:
    with pytest.raises(NotRefundable):
        request_refund(state, "rfd_1", None, "other")
    with pytest.raises(NotShippable):
        ship(state, GOODS, None)


def test_an_order_ships_once_and_not_while_all_its_money_goes_back() -> None:
    assert SHIPPED.shipment == ShipmentStatus.SHIPPED
    with pytest.raises(NotShippable):
        ship(SHIPPED, GOODS, None)
    with pytest.raises(NotShippable):
        ship(request_refund(PAID, "rfd_1", None, "other"), GOODS, None)
    partly = request_refund(PAID, "rfd_1", Money(1, "USD"), "other")
    assert ship(partly, GOODS, None)[0].shipment == ShipmentStatus.SHIPPED


def test_changes_name_each_axis_that_moved() -> None:
    assert list(changes(PLACED, DECLINED)) == [
        Change(Axis.PAYMENT, "pending", "declined"),
        Change(Axis.ORDER, "pending", "failed"),
    ]
    assert list(changes(PAID, SHIPPED)) == [Change(Axis.SHIPMENT, "pending", "shipped")]
    assert list(changes(PAID, PAID)) == []
