"""Snapshots of rows."""

from dataclasses import replace

import pytest

from libs.clock import utc_now
from libs.ids import is_id, new_id
from libs.money import Money
from services.payment.domain.records import Operation, Payment, payment_id_of
from services.payment.domain.states import OperationState, PaymentState, Purpose

PAYMENT = Payment(
    id="pay_1",
    order_id="ord_1",
    user_id=None,
    money=None,
    payment_method=None,
    state=PaymentState.VOIDED,
    void_requested=False,
    provider_reference=None,
    decline_reason=None,
    return_url=None,
    redirect_url=None,
    captured_minor=0,
    refunded_minor=0,
    version=1,
    created_at=utc_now(),
    updated_at=utc_now(),
)


def test_a_payment_without_amount_captured_nothing() -> None:
    assert PAYMENT.captured is None
    captured = replace(PAYMENT, money=Money(9, "JPY"), captured_minor=4)
    assert captured.captured == Money(4, "JPY")


@pytest.mark.parametrize("state", OperationState)
def test_a_call_is_open_until_its_answer_is_known(state: OperationState) -> None:
    operation = Operation(
        "pay_1:capture", "pay_1", Purpose.CAPTURE, None, Money(1, "USD"), state, 1
    )
    assert operation.is_open == (state not in {OperationState.SUCCEEDED, OperationState.REFUSED})


def test_a_payment_has_the_same_name_whenever_its_order_asks() -> None:
    order_id = new_id("ord")
    assert payment_id_of(order_id) == payment_id_of(order_id) != payment_id_of(new_id("ord"))
    assert is_id(payment_id_of(order_id), "pay")
