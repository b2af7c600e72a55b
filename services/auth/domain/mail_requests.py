"""What mails are sent for, and how long what they say is good."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final


class MailPurpose(StrEnum):
    """Why somebody gets a mail from us."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - a purpose
    CHANGE_EMAIL = "change_email"
    TELL_OLD_ADDRESS = "tell_old_address"


@dataclass(frozen=True)
class Lifetimes:
    """How long the wish for a mail is worth sending one, and how long the token in it works.

    A purpose without a token only tells something.
    """

    request: timedelta
    token: timedelta | None


CHANGING: Final = (MailPurpose.RESET_PASSWORD, MailPurpose.CHANGE_EMAIL)
"""What a token in a mail changes about an account that is open."""

LIFETIMES: Final = {
    MailPurpose.VERIFY_EMAIL: Lifetimes(timedelta(days=7), timedelta(hours=24)),
    MailPurpose.RESET_PASSWORD: Lifetimes(timedelta(hours=1), timedelta(minutes=10)),
    MailPurpose.CHANGE_EMAIL: Lifetimes(timedelta(hours=1), timedelta(minutes=10)),
    MailPurpose.TELL_OLD_ADDRESS: Lifetimes(timedelta(days=7), None),
}
"""What lets somebody into an account works for ten minutes (ASVS 5.0, 6.5.5), counted from its sending."""
