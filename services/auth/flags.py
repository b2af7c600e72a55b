"""What of auth can be turned off while the shop runs."""

from typing import Final

from libs.flags.flags import Flag

REGISTRATION_OPEN: Final = Flag(
    "registration_open",
    default=True,
    description="New accounts are taken; off, registering is answered 503 registration_closed, and everybody else logs in.",
)
"""On where nobody says otherwise: the limits on registering hold with or without it."""
