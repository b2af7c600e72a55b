"""The rules of refresh families, free of any input or output."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

ACCESS_TOKEN_LIFETIME: Final = timedelta(minutes=5)
FAMILY_LIFETIME: Final = timedelta(days=30)
FAMILY_IDLE_LIMIT: Final = timedelta(days=7)
SESSION_IDLE_LIMIT: Final = timedelta(minutes=30)
REFRESH_GRACE: Final = timedelta(seconds=10)
"""How long a used token may be presented again by a client that never got the answer."""


class TokenState(StrEnum):
    """Where a refresh token stands. A family has at most one live token."""

    LIVE = "live"
    USED = "used"
    VOID = "void"


class Rotation(StrEnum):
    """What presenting a refresh token leads to."""

    ROTATE = "rotate"
    """The token is used up and gets its successor."""
    REPLACE = "replace"
    """The answer got lost: its unused successor is void and another one takes its place."""
    REUSED = "reused"
    """Somebody holds a copy: the whole family ends."""
    ENDED = "ended"
    """The family is over already."""


@dataclass(frozen=True)
class Family:
    """A login and everything refreshed from it."""

    revoked: bool
    expires_at: datetime
    last_used_at: datetime


@dataclass(frozen=True)
class PresentedToken:
    """A refresh token somebody presents; `successor_is_live` says its direct successor was never used."""

    state: TokenState
    used_at: datetime | None
    successor_is_live: bool


def is_live(family: Family, now: datetime) -> bool:
    """Tell whether the family may still be refreshed: not revoked, not too old, not idle for too long."""
    return (
        not family.revoked
        and now < family.expires_at
        and now < family.last_used_at + FAMILY_IDLE_LIMIT
    )


def decide_rotation(token: PresentedToken, family: Family, now: datetime) -> Rotation:
    """Judge a presented token (RFC 9700 section 4.14.2, with a short grace for lost answers).

    The grace holds only while the successor is unused: once somebody went on, a repeat is a copy.
    A void token is one too: its replacement went to whoever presented the predecessor again.
    """
    if not is_live(family, now):
        return Rotation.ENDED
    if token.state is TokenState.LIVE:
        return Rotation.ROTATE
    in_grace = token.used_at is not None and now - token.used_at <= REFRESH_GRACE
    if token.state is TokenState.USED and in_grace and token.successor_is_live:
        return Rotation.REPLACE
    return Rotation.REUSED
