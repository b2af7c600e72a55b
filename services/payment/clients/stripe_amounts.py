"""How Stripe counts money: mostly in ISO 4217 minor units, with its own exceptions.

See https://docs.stripe.com/currencies: zero-decimal currencies, currencies it still counts with two decimals although
they have none, and three-decimal currencies, of which it takes only multiples of ten.
"""

from typing import Final

from libs.money import MINOR_DIGITS, Money

_ZERO_DECIMAL: Final = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_THREE: Final = 3
_THREE_DECIMAL: Final = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


def to_stripe(money: Money) -> int | None:
    """Return the amount as Stripe counts it; None when it cannot be charged to the last digit."""
    digits = _digits(money.currency)
    amount = _shifted(money.amount_minor, digits - MINOR_DIGITS[money.currency])
    if amount is None or (digits == _THREE and amount % 10):
        return None
    return amount


def from_stripe(amount: int, currency: str) -> Money | None:
    """Return an amount of Stripe's as ours; None in a currency we do not sell in, or when it does not come out even."""
    code = currency.upper()
    if code not in MINOR_DIGITS:
        return None
    minor = _shifted(amount, MINOR_DIGITS[code] - _digits(code))
    return None if minor is None else Money(minor, code)


def _digits(currency: str) -> int:
    if currency in _ZERO_DECIMAL:
        return 0
    return _THREE if currency in _THREE_DECIMAL else 2


def _shifted(amount: int, digits: int) -> int | None:
    factor = int(10 ** abs(digits))
    if digits >= 0:
        return amount * factor
    whole, lost = divmod(amount, factor)
    return None if lost else whole
