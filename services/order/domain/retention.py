"""How long the law makes us keep what an invoice says."""

from datetime import date, datetime
from typing import Final

INVOICE_YEARS: Final = 10
"""The longest that the countries we sell from ask for, counted from the end of the year of the sale."""


def invoice_kept_until(sold_at: datetime) -> date:
    """Return the last day on which the invoice of a sale has to be there."""
    return date(sold_at.year + INVOICE_YEARS, 12, 31)
