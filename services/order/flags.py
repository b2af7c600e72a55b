"""What of order can be turned off while the shop runs."""

from typing import Final

from libs.flags.flags import Flag

CHECKOUT_OPEN: Final = Flag(
    "checkout_open",
    default=True,
    description="Quotes and new orders are taken; off, they are answered 503 checkout_paused, and orders under way go on.",
)
"""On where nobody says otherwise: a lost source of flags must not close the shop."""
