"""The rules of sending: one mail per event, one more at most for a crash, and patience with a mail server."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MOST_ATTEMPTS: Final = 14
"""With pauses doubling up to half an hour that is two and a half hours; what waits longer is of no use to its reader."""

LEASE_SECONDS: Final = 60.0
"""Longer than a process takes from claiming a mail to recording what became of it."""

_FIRST_PAUSE_SECONDS: Final = 2.0
_LONGEST_PAUSE_SECONDS: Final = 1800.0


class MailKind(StrEnum):
    """What a mail is about; also the name of its templates."""

    EMAIL_VERIFICATION = "email_verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a template
    EMAIL_CHANGE = "email_change"
    SECURITY_NOTICE = "security_notice"
    ORDER_CONFIRMATION = "order_confirmation"


class MailState(StrEnum):
    """Where a mail stands; `handed_over` means that SES may have it, and nobody has recorded the answer."""

    WAITING = "waiting"
    PREPARING = "preparing"
    HANDED_OVER = "handed_over"
    SENT = "sent"
    DROPPED = "dropped"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it is read."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


class NotAccepted(Exception):
    """The mail server did not take the mail; `for_good` when trying again is of no use."""

    def __init__(self, reason: str, *, for_good: bool) -> None:
        super().__init__(reason)
        self.for_good = for_good


class OutcomeUnknown(Exception):
    """Nobody knows whether the mail was sent."""


def pause_before_trying_again(attempts: int) -> float:
    """Return the seconds to wait after this many attempts."""
    return min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** (attempts - 1))


def reason_to_give_up(attempts: int, doubts: int) -> str | None:
    """Tell why a claimed mail must not be sent any more.

    `doubts` counts how often a process ended, or heard no answer, after it handed the mail over. One doubt is worth a
    mail that may be the second; two would let a mail that kills its sender be sent for ever.
    """
    if doubts > 1:
        return "its outcome was unknown twice"
    if attempts > MOST_ATTEMPTS:
        return f"not accepted in {MOST_ATTEMPTS} attempts"
    return None
