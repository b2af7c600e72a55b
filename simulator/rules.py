"""What each token makes happen, and which strings look like a card number."""

import re
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """How the first answer to a key goes wrong. `..._AFTER`: the effect happened; `..._BEFORE`: it did not."""

    NONE = "none"
    SLOW = "slow"
    """The answer comes late."""
    SLOW_AFTER = "slow_after"
    """The effect and its webhook come first, the answer late."""
    HANG_BEFORE = "hang_before"
    HANG_AFTER = "hang_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    CUT_BEFORE = "cut_before"
    """The connection breaks in the middle of an answer."""
    CUT_AFTER = "cut_after"
    RATE_LIMITED = "rate_limited"
    """429 with `Retry-After`; no effect."""
    WRONG_AMOUNT = "wrong_amount"
    """The effect is right, the first answer names one minor unit more."""


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

_SPOILT: Final = {
    "timeout_before": Fault.HANG_BEFORE,
    "timeout_after": Fault.HANG_AFTER,
    "error_before": Fault.ERROR_BEFORE,
    "error_after": Fault.ERROR_AFTER,
    "reset_before": Fault.CUT_BEFORE,
    "reset_after": Fault.CUT_AFTER,
    "rate_limited": Fault.RATE_LIMITED,
    "wrong_amount": Fault.WRONG_AMOUNT,
    "slow": Fault.SLOW,
}

FAULTS: Final = {
    **{
        (f"tok_{word}_{operation}", operation): fault
        for word, fault in _SPOILT.items()
        for operation in Operation
    },
    ("tok_slow", Operation.CHARGE): Fault.SLOW,
    **{("tok_early_webhook", operation): Fault.SLOW_AFTER for operation in Operation},
}
"""Faults by token and call, such as `tok_reset_after_refund`; every other pair answers at once."""

WEBHOOK_TOKENS: Final = frozenset(
    {
        "tok_never_webhook",
        "tok_late_webhook",
        "tok_early_webhook",
        "tok_duplicate_webhook",
        "tok_reordered_webhook",
        "tok_wrong_amount_webhook",
    }
)
"""Tokens whose charges are told of in another way than once and at once."""

TOKENS: Final = frozenset(
    {"tok_ok", *DECLINES, *CHALLENGED, *WEBHOOK_TOKENS} | {token for token, _ in FAULTS}
)

MINOR_DIGITS: Final = {"USD": 2, "EUR": 2, "GBP": 2, "INR": 2, "JPY": 0, "KWD": 3}
"""Decimals of each currency that is taken (ISO 4217)."""

CURRENCIES: Final = frozenset(MINOR_DIGITS)

_CARD_CANDIDATE: Final = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])")


def fault_of(token: str, operation: Operation) -> Fault:
    """Tell how the first answer to this call goes wrong."""
    return FAULTS.get((token, operation), Fault.NONE)


def webhook_delays(payment_method: str, event: str, late_seconds: float) -> tuple[float, ...]:
    """List the pauses, in seconds, after which each copy of an event is delivered."""
    match payment_method:
        case "tok_never_webhook":
            return ()
        case "tok_duplicate_webhook":
            return (0.0, 0.0)
        case "tok_late_webhook":
            return (late_seconds,)
        case "tok_reordered_webhook":
            # What came first is told last.
            return (late_seconds if event == "charge.authorized" else 0.0,)
        case _:
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
