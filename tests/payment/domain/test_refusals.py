"""What payment refuses without asking the provider."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.money import Money
from services.payment.domain.refusals import (
    authorization_refusal,
    contains_card_number,
    refund_refusal,
    state_after_refund,
)
from services.payment.domain.states import PaymentState

S = PaymentState


@pytest.mark.parametrize(
    ("amount", "currency", "method", "reason"),
    [
        (100, "USD", "tok_ok", None),
        (0, "USD", "tok_ok", "amount_invalid"),
        (-1, "USD", "tok_ok", "amount_invalid"),
        (100, "XXX", "tok_ok", "currency_unsupported"),
        (100, "USD", "4242 4242 4242 4242", "card_number_rejected"),
    ],
)
def test_an_impossible_authorisation_is_refused_by_name(
    amount: int, currency: str, method: str, reason: str | None
) -> None:
    assert authorization_refusal(amount, currency, method) == reason


def test_a_number_that_fails_the_check_is_no_card_number() -> None:
    assert contains_card_number("4242424242424242")
    assert not contains_card_number("4242424242424241")


def test_a_prefix_does_not_hide_a_card_number_but_a_longer_identifier_is_none() -> None:
    assert contains_card_number("tok_4242424242424242")
    assert not contains_card_number("pm_4242424242424242ab")


@pytest.mark.parametrize("state", sorted(set(S) - {S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED}))
def test_only_captured_money_is_refunded(state: PaymentState) -> None:
    captured = Money(100, "USD")
    assert (
        refund_refusal(state, captured=captured, promised_minor=0, asked=Money(1, "USD"))
        == "not_captured"
    )


@pytest.mark.parametrize(
    ("captured", "promised", "asked", "reason"),
    [
        (Money(100, "USD"), 0, Money(100, "USD"), None),
        (Money(100, "USD"), 60, Money(40, "USD"), None),
        (Money(100, "USD"), 60, Money(41, "USD"), "exceeds_captured"),
        (Money(100, "USD"), 0, Money(0, "USD"), "amount_invalid"),
        (Money(100, "USD"), 0, Money(-5, "USD"), "amount_invalid"),
        (Money(100, "USD"), 0, Money(1, "EUR"), "currency_mismatch"),
        (None, 0, Money(1, "EUR"), "not_captured"),
    ],
)
def test_a_refund_fits_what_is_left_of_the_capture(
    captured: Money | None, promised: int, asked: Money, reason: str | None
) -> None:
    found = refund_refusal(S.CAPTURED, captured=captured, promised_minor=promised, asked=asked)
    assert found == reason


@settings(deadline=None)
@given(st.integers(1, 10_000), st.lists(st.integers(-10, 5000), max_size=30))
def test_no_sequence_of_refunds_exceeds_the_capture(captured: int, asked: list[int]) -> None:
    refunded, state = 0, S.CAPTURED
    for amount in asked:
        money = Money(amount, "USD")
        refusal = refund_refusal(
            state, captured=Money(captured, "USD"), promised_minor=refunded, asked=money
        )
        if refusal is None:
            refunded += amount
            state = state_after_refund(captured, refunded)
        assert 0 <= refunded <= captured
        assert (state is S.REFUNDED) == (refunded == captured)
