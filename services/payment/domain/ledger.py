"""Double entry: the accounts, and the entries each movement of money is booked with."""

from dataclasses import dataclass
from enum import StrEnum

from libs.money import Money


class Account(StrEnum):
    """Accounts of the ledger, seen from the shop."""

    PROVIDER_CLEARING = "provider_clearing"
    """Asset: what the provider holds for the shop. Its balance equals the provider's books."""
    SALES = "sales"
    """Revenue."""
    REFUNDS = "refunds"
    """Contra-revenue, apart from sales so that both totals stay visible."""


class Side(StrEnum):
    """Which column an entry stands in."""

    DEBIT = "debit"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger transaction; the amount is positive."""

    account: Account
    side: Side
    money: Money


def capture_entries(money: Money) -> tuple[Entry, ...]:
    """Book money taken from a customer."""
    return (
        Entry(Account.PROVIDER_CLEARING, Side.DEBIT, money),
        Entry(Account.SALES, Side.CREDIT, money),
    )


def refund_entries(money: Money) -> tuple[Entry, ...]:
    """Book money returned to a customer."""
    return (
        Entry(Account.REFUNDS, Side.DEBIT, money),
        Entry(Account.PROVIDER_CLEARING, Side.CREDIT, money),
    )
