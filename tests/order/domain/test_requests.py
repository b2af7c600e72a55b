"""Parts of an order as rules: what each request changes, owes and asks for. `test_process` tries their interleavings."""

import pytest

from libs.money import Money
from services.order.domain import events
from services.order.domain.goods import Goods, Pieces, Restock, Sold
from services.order.domain.requests import (
    cancel,
    cancel_lines,
    pay_debts,
    refund_lines,
    request_refund,
    ship,
    take_back,
)
from services.order.domain.saga import Ask, Debt, Outstanding, Saga, debts, is_settled, outstanding
from services.order.domain.states import OrderStatus, PaymentStatus, ShipmentStatus
from services.order.errors import (
    NotCancellable,
    NotRefundable,
    NotReturnable,
    NotShippable,
    UnknownAdjustment,
)

TOTAL = Money(1_599, "USD")
SOLD = (Sold("MUG", 3, Money(1_000, "USD")),)
FRESH = Goods.of(SOLD, (), ())
ONE, TWO, ALL = (Pieces("MUG", count) for count in (1, 2, 3))
PLACED = Saga(total=TOTAL)
AUTHORIZED = events.payment_authorized(PLACED, TOTAL, 1)
CONFIRMED = events.stock_committed(AUTHORIZED)
PAID = events.payment_captured(CONFIRMED, TOTAL, 2)


def goods(saga: Saga, *shipped: Pieces) -> Goods:
    return Goods.of(SOLD, shipped, saga.adjustments)


def refund_id(_: Debt) -> str:
    return "rfd_1"


def test_cancelled_pieces_are_owed_and_asked_back_from_stock_until_both_were_answered() -> None:
    cancelled = cancel_lines(PAID, FRESH, "can_1", [ONE], "other")
    assert (cancelled.adjustments[0].refund_minor, cancelled.left_minor) == (333, 1_266)
    asked = pay_debts(cancelled, refund_id, 1)
    assert outstanding(asked) == (
        Outstanding(Ask.RETURN_STOCK, "can_1"),
        Outstanding(Ask.REFUND, "rfd_1"),
    )
    returned = events.stock_returned(asked, "can_1")
    assert returned.adjustments[0].restock == Restock.DONE
    assert is_settled(events.refund_succeeded(returned, "rfd_1", 3))
    with pytest.raises(UnknownAdjustment):
        events.stock_returned(PAID, "can_1")


def test_before_the_capture_nothing_is_asked_back_and_after_it_everything_owed() -> None:
    early = cancel_lines(CONFIRMED, FRESH, "can_1", [TWO], "other")
    assert debts(early) == ()
    late = events.payment_captured(early, TOTAL, 2)
    assert [debt.amount_minor for debt in debts(late)] == [667]


def test_a_capture_of_less_than_promised_bounds_what_goes_back() -> None:
    early = cancel_lines(CONFIRMED, FRESH, "can_1", [ONE], "other")
    both = cancel_lines(early, goods(early), "can_2", [ONE], "other")
    short = events.payment_captured(both, Money(333, "USD"), 2)
    assert [debt.pays_for for debt in debts(short)] == ["can_1"]
    second = events.stock_returned(short, "can_2")
    assert [one.restock for one in second.adjustments] == [Restock.REQUESTED, Restock.DONE]


def test_a_closed_order_owes_all_it_keeps_and_still_asks_for_its_pieces() -> None:
    part = pay_debts(cancel_lines(PAID, FRESH, "can_1", [ONE], "other"), refund_id, 1)
    closed = cancel(part, "other")
    assert [(debt.amount_minor, debt.pays_for) for debt in debts(closed)] == [(1_266, None)]
    assert Outstanding(Ask.RETURN_STOCK, "can_1") in outstanding(closed)


def test_a_refused_refund_is_owed_again_and_counted() -> None:
    asked = pay_debts(cancel_lines(PAID, FRESH, "can_1", [ONE], "other"), refund_id, 1)
    refused = events.refund_failed(asked, "rfd_1")
    assert [debt.refused for debt in debts(refused)] == [1]
    assert pay_debts(refused, refund_id, 1) == refused
    assert pay_debts(refused, lambda _: "rfd_2", 5).refunds[-1].pays_for == "can_1"


def test_a_closed_order_owes_a_refused_refund_once_as_part_of_the_whole() -> None:
    part = pay_debts(cancel_lines(PAID, FRESH, "can_1", [ONE], "other"), refund_id, 1)
    closed = cancel(events.refund_failed(part, "rfd_1"), "other")
    assert [debt.amount_minor for debt in debts(closed)] == [TOTAL.amount_minor]
    assert pay_debts(closed, lambda _: "rfd_2", 1).left_minor == 0


def test_the_last_pieces_cancel_the_order_or_finish_its_shipment() -> None:
    assert cancel_lines(PAID, FRESH, "can_1", [ALL], "other").order == OrderStatus.CANCELLED
    partly, _ = ship(PAID, FRESH, [ONE])
    assert partly.shipment == ShipmentStatus.PARTIALLY_SHIPPED
    rest = cancel_lines(partly, goods(partly, ONE), "can_1", [TWO], "other")
    assert (rest.order, rest.shipment) == (OrderStatus.CONFIRMED, ShipmentStatus.SHIPPED)
    with pytest.raises(NotCancellable):
        cancel(partly, "other")


def test_only_pieces_that_are_there_are_cancelled_shipped_returned_or_refunded() -> None:
    with pytest.raises(NotCancellable):
        cancel_lines(PLACED, FRESH, "can_1", [ONE], "other")
    with pytest.raises(NotCancellable):
        cancel_lines(PAID, FRESH, "can_1", [Pieces("MUG", 4)], "other")
    with pytest.raises(NotShippable):
        ship(PAID, FRESH, [Pieces("CUP", 1)])
    with pytest.raises(NotReturnable):
        take_back(PAID, FRESH, "ret_1", [ONE], "other", restock=True)
    with pytest.raises(NotRefundable):
        refund_lines(PAID, FRESH, "adj_1", [ONE], "other")


def test_a_returned_piece_that_was_refunded_before_is_not_paid_twice() -> None:
    shipped, _ = ship(PAID, FRESH, None)
    lost = refund_lines(shipped, goods(shipped, ALL), "adj_1", [TWO], "other")
    back = take_back(lost, goods(lost, ALL), "ret_1", [ALL], "other", restock=False)
    amounts = [one.refund_minor for one in back.adjustments]
    assert (amounts, sum(amounts)) == ([667, 333], 1_000)
    assert back.adjustments[1].restock == Restock.NONE
    assert outstanding(pay_debts(back, refund_id, 1)) == (
        Outstanding(Ask.REFUND, "rfd_1"),
        Outstanding(Ask.REFUND, "rfd_1"),
    )


def test_pieces_that_cost_nothing_are_not_refunded() -> None:
    free = Goods.of((Sold("MUG", 3, Money(0, "USD")),), (ALL,), ())
    shipped, _ = ship(PAID, FRESH, None)
    with pytest.raises(NotRefundable, match="Nothing was paid"):
        refund_lines(shipped, free, "adj_1", [ONE], "other")


def test_a_challenge_is_known_by_its_newest_address() -> None:
    asked = events.payment_action_required(PLACED, "https://bank.example/1", 1)
    assert asked.payment == PaymentStatus.REQUIRES_ACTION
    assert [one.ask for one in outstanding(asked)] == [Ask.AUTHORIZE]
    assert events.payment_action_required(asked, "https://bank.example/1", 2) is asked
    again = events.payment_action_required(asked, "https://bank.example/2", 2)
    assert (again.payment, again.action_url) == (asked.payment, "https://bank.example/2")
    assert events.payment_action_required(PAID, "https://bank.example/3", 9) is PAID
    assert events.payment_authorized(again, TOTAL, 3).action_url is None


def test_the_same_id_twice_changes_nothing_even_on_an_order_that_closed_meanwhile() -> None:
    part = cancel_lines(PAID, FRESH, "can_1", [ONE], "other")
    assert cancel_lines(part, goods(part), "can_1", [ONE], "other") == part
    closed = part.closed("payment_voided")
    assert cancel_lines(closed, goods(closed), "can_1", [ONE], "other") == closed
    shipped, _ = ship(PAID, FRESH, None)
    returned = take_back(shipped, goods(shipped, ALL), "ret_1", [ALL], "other", restock=True)
    again = take_back(returned, goods(returned, ALL), "ret_1", [ALL], "other", restock=True)
    assert again == returned
    paid_back = refund_lines(shipped, goods(shipped, ALL), "adj_1", [ALL], "damaged")
    assert refund_lines(paid_back, goods(paid_back, ALL), "adj_1", [ALL], "damaged") == paid_back
    refunded = request_refund(PAID, "rfd_1", Money(100, "USD"), "goodwill")
    assert request_refund(refunded, "rfd_1", Money(100, "USD"), "goodwill") == refunded
