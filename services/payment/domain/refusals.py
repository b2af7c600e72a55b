"""What payment refuses by itself, without asking the provider; each reason is a stable word."""

import re
from typing import Final

from libs.money import MINOR_DIGITS, Money
from services.payment.domain.states import PaymentState

NOT_YET_CAPTURED: Final = frozenset(
    {
        PaymentState.AUTHORIZING,
        PaymentState.OUTCOME_UNKNOWN,
        PaymentState.REQUIRES_ACTION,
        PaymentState.CAPTURING,
    }
)
"""States in which a refund has to wait for an answer that is on its way."""

_REFUNDABLE: Final = frozenset(
    {PaymentState.CAPTURED, PaymentState.PARTIALLY_REFUNDED, PaymentState.REFUNDED}
)


def refund_refusal(
    state: PaymentState, *, captured: Money | None, promised_minor: int, asked: Money
) -> str | None:
    """Tell why a refund is refused, or None. `promised_minor` counts refunds made and those under way."""
    if state not in _REFUNDABLE or captured is None:
        return "not_captured"
    if asked.currency != captured.currency:
        return "currency_mismatch"
    if asked.amount_minor <= 0:
        return "amount_invalid"
    if promised_minor + asked.amount_minor > captured.amount_minor:
        return "exceeds_captured"
    return None


def state_after_refund(captured_minor: int, refunded_minor: int) -> PaymentState:
    """Tell the state of a captured payment of which this much, at least 1, went back."""
    return (
        PaymentState.REFUNDED
        if refunded_minor >= captured_minor
        else PaymentState.PARTIALLY_REFUNDED
    )


def authorization_refusal(amount_minor: int, currency: str, payment_method: str) -> str | None:
    """Tell why an authorisation is refused without asking the provider, or None."""
    if currency not in MINOR_DIGITS:
        return "currency_unsupported"
    if amount_minor <= 0:
        return "amount_invalid"
    if contains_card_number(payment_method):
        return "card_number_rejected"
    return None


_CARD_CANDIDATE: Final = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])")


def contains_card_number(text: str) -> bool:
    """Tell whether the text holds 13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1)."""
    return any(_passes_luhn(match.group()) for match in _CARD_CANDIDATE.finditer(text))


def _passes_luhn(candidate: str) -> bool:
    digits = [int(char) for char in candidate if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
