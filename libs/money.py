"""Money as integer minor units of an ISO 4217 currency; floats never touch it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from typing_extensions import override

MINOR_DIGITS: Final = {"USD": 2, "EUR": 2, "GBP": 2, "INR": 2, "JPY": 0, "KWD": 3}
"""Decimals of each currency we sell in (ISO 4217)."""


class CurrencyMismatchError(ValueError):
    """Two amounts of different currencies met in one sum."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (cents, paise, fils) and its currency."""

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in MINOR_DIGITS:
            raise ValueError(
                f"unknown currency {self.currency!r}; known: {', '.join(sorted(MINOR_DIGITS))}"
            )

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(0, currency)

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __mul__(self, quantity: int) -> "Money":
        return Money(self.amount_minor * quantity, self.currency)

    def share(self, basis_points: int) -> "Money":
        """Return this many hundredths of a percent of the amount, rounded half away from zero."""
        numerator = abs(self.amount_minor) * basis_points
        rounded = (2 * numerator + 10_000) // 20_000
        return Money(rounded if self.amount_minor >= 0 else -rounded, self.currency)

    def allocate(self, weights: Sequence[int]) -> list["Money"]:
        """Split the amount by weight so that the parts sum exactly to it (largest remainder method).

        Ties go to the earlier part. All-zero weights split evenly.

        Raises:
            ValueError: no weights, or a negative one.
        """
        if not weights or min(weights) < 0:
            raise ValueError("allocate needs at least one weight and none below zero")
        used = list(weights) if any(weights) else [1] * len(weights)
        whole = sum(used)
        sign = -1 if self.amount_minor < 0 else 1
        amount = abs(self.amount_minor)
        parts = [amount * weight // whole for weight in used]
        by_remainder = sorted(range(len(used)), key=lambda i: (-(amount * used[i] % whole), i))
        for index in by_remainder[: amount - sum(parts)]:
            parts[index] += 1
        return [Money(sign * part, self.currency) for part in parts]

    @override
    def __str__(self) -> str:
        digits = MINOR_DIGITS[self.currency]
        sign = "-" if self.amount_minor < 0 else ""
        whole, rest = divmod(abs(self.amount_minor), 10**digits)
        return (
            f"{sign}{whole}.{rest:0{digits}d} {self.currency}"
            if digits
            else f"{sign}{whole} {self.currency}"
        )

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} cannot be combined")
