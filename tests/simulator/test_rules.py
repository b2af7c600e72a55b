"""What each token makes happen, and card numbers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.rules import (
    DECLINES,
    TOKENS,
    Fault,
    Operation,
    contains_card_number,
    fault_of,
    webhook_delays,
)


def luhn_complete(body: str) -> str:
    """Append the check digit."""
    total = 0
    for index, char in enumerate(reversed(body)):
        digit = int(char)
        doubled = digit * 2 if index % 2 == 0 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return body + str(-total % 10)


@settings(deadline=None)
@given(st.text("0123456789", min_size=12, max_size=18))
def test_every_luhn_valid_number_of_13_to_19_digits_is_recognised(body: str) -> None:
    assert contains_card_number(luhn_complete(body))


@settings(deadline=None)
@given(st.text("0123456789", min_size=12, max_size=18), st.integers(1, 9))
def test_a_wrong_check_digit_is_no_card_number(body: str, error: int) -> None:
    number = luhn_complete(body)
    wrong = number[:-1] + str((int(number[-1]) + error) % 10)
    assert not contains_card_number(wrong)


@pytest.mark.parametrize(
    "text", ["4242 4242 4242 4242", "4242-4242-4242-4242", "card: 4242424242424242."]
)
def test_spaces_dashes_and_words_around_do_not_hide_a_card_number(text: str) -> None:
    assert contains_card_number(text)


@pytest.mark.parametrize("text", ["tok_ok", "pay_4242424242424242abcdef", "424242424242", ""])
def test_identifiers_and_short_numbers_are_no_card_numbers(text: str) -> None:
    assert not contains_card_number(text)


def test_plain_tokens_have_no_fault_on_any_call() -> None:
    for token in {"tok_ok", "tok_duplicate_webhook", "tok_late_webhook", *DECLINES}:
        assert {fault_of(token, operation) for operation in Operation} == {Fault.NONE}


def test_the_documented_tokens_exist() -> None:
    assert {
        "tok_ok",
        "tok_decline",
        "tok_insufficient_funds",
        "tok_timeout_after_charge",
        "tok_error_after_charge",
        "tok_slow",
        "tok_duplicate_webhook",
        "tok_late_webhook",
    } <= TOKENS


@pytest.mark.parametrize(
    ("token", "event", "pauses"),
    [
        ("tok_ok", "charge.captured", (0,)),
        ("tok_duplicate_webhook", "charge.captured", (0, 0)),
        ("tok_late_webhook", "charge.captured", (9,)),
        ("tok_never_webhook", "charge.captured", ()),
        ("tok_reordered_webhook", "charge.authorized", (9,)),
        ("tok_reordered_webhook", "charge.captured", (0,)),
    ],
)
def test_webhooks_are_delivered_once_twice_late_never_or_out_of_order(
    token: str, event: str, pauses: tuple[float, ...]
) -> None:
    assert webhook_delays(token, event, 9) == pauses


def test_every_fault_can_be_had_on_every_call() -> None:
    for word in ("timeout_before", "error_before", "reset_after", "rate_limited", "wrong_amount"):
        for operation in Operation:
            assert fault_of(f"tok_{word}_{operation}", operation) is not Fault.NONE
