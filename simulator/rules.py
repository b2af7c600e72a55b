"""What each token makes happen, and which strings look like a card number."""

import re
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """How the first answer to a key goes wrong; the effect itself always happens."""

    NONE = "none"
    SLOW = "slow"
    HANG_AFTER = "hang_after"
    ERROR_AFTER = "error_after"


class Operation(StrEnum):
    """The calls that move money."""

    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


DECLINES: Final = {
    "tok_decline": "card_declined",
    "tok_insufficient_funds": "insufficient_funds",
}
"""Tokens the issuer refuses, with the decline code."""

CHALLENGED: Final = frozenset({"tok_3ds_required"})
"""Tokens whose customer has to confirm on the bank's page first (3-D Secure)."""

REFUSED_BY_CUSTOMER: Final = "authentication_failed"
"""Decline code of a charge its customer did not confirm."""

FAULTS: Final = {
    ("tok_timeout_after_charge", Operation.CHARGE): Fault.HANG_AFTER,
    ("tok_timeout_after_capture", Operation.CAPTURE): Fault.HANG_AFTER,
    ("tok_timeout_after_void", Operation.VOID): Fault.HANG_AFTER,
    ("tok_timeout_after_refund", Operation.REFUND): Fault.HANG_AFTER,
    ("tok_error_after_charge", Operation.CHARGE): Fault.ERROR_AFTER,
    ("tok_error_after_capture", Operation.CAPTURE): Fault.ERROR_AFTER,
    ("tok_error_after_void", Operation.VOID): Fault.ERROR_AFTER,
    ("tok_error_after_refund", Operation.REFUND): Fault.ERROR_AFTER,
    ("tok_slow", Operation.CHARGE): Fault.SLOW,
}
"""Faults by token and call; every other pair answers at once."""

TOKENS: Final = frozenset(
    {"tok_ok", "tok_duplicate_webhook", "tok_late_webhook", *DECLINES, *CHALLENGED}
    | {token for token, _ in FAULTS}
)

MINOR_DIGITS: Final = {"USD": 2, "EUR": 2, "GBP": 2, "INR": 2, "JPY": 0, "KWD": 3}
"""Decimals of each currency that is taken (ISO 4217)."""

CURRENCIES: Final = frozenset(MINOR_DIGITS)

_CARD_CANDIDATE: Final = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])")


def fault_of(token: str, operation: Operation) -> Fault:
    """Tell how the first answer to this call goes wrong."""
    return FAULTS.get((token, operation), Fault.NONE)


def webhook_delays(payment_method: str, late_seconds: float) -> tuple[float, ...]:
    """List the pauses, in seconds, after which each copy of an event is delivered."""
    if payment_method == "tok_duplicate_webhook":
        return (0.0, 0.0)
    if payment_method == "tok_late_webhook":
        return (late_seconds,)
    return (0.0,)


def contains_card_number(text: str) -> bool:
    """Tell whether the text holds 13 to 19 digits, spaced or dashed, that pass the Luhn check (ISO/IEC 7812-1).

    Digits inside a longer word are ignored: hexadecimal identifiers are full of them.
    """
    return any(_passes_luhn(match.group()) for match in _CARD_CANDIDATE.finditer(text))


def _passes_luhn(candidate: str) -> bool:
    digits = [int(char) for char in candidate if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
