"""The rules of accounts, roles and refresh families, free of any input or output."""

import re
import unicodedata
from collections.abc import Iterable
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

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 128
LONGEST_EMAIL: Final = 254

CUSTOMER: Final = "customer"
ADMIN: Final = "admin"

_CUSTOMER_SCOPES: Final = (
    "profile:read",
    "profile:write",
    "carts:write",
    "orders:read",
    "orders:write",
    "payments:read",
)
ROLE_SCOPES: Final = {
    CUSTOMER: _CUSTOMER_SCOPES,
    ADMIN: (
        *_CUSTOMER_SCOPES,
        "catalogue:write",
        "stock:write",
        "orders:admin",
        "payments:admin",
    ),
}
"""What each role may do, as OAuth scopes."""

_EMAIL: Final = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)
_LONGEST_LOCAL_PART: Final = 64


def normalised_email(address: str) -> str:
    """Return the one spelling an address is stored and compared in.

    Raises:
        ValueError: not an address of the form `name@example.com` in ASCII.
    """
    email = address.strip().lower()
    local = email.partition("@")[0]
    if len(email) > LONGEST_EMAIL or len(local) > _LONGEST_LOCAL_PART:
        raise ValueError("is longer than an e-mail address can be")
    if _EMAIL.fullmatch(email) is None:
        raise ValueError("must be an e-mail address such as name@example.com")
    return email


def composed(password: str) -> str:
    """Return the password in Unicode form C, so that keyboards that compose differently agree."""
    return unicodedata.normalize("NFC", password)


def normalised_password(password: str) -> str:
    """Return a new password in the form it is kept and compared in.

    Length is the only rule (NIST SP 800-63B-4 section 3.1.1.2): no composition, no expiry.

    Raises:
        ValueError: shorter than 12 or longer than 128 characters.
    """
    normal = composed(password)
    if len(normal) < SHORTEST_PASSWORD:
        raise ValueError(f"must have at least {SHORTEST_PASSWORD} characters")
    if len(normal) > LONGEST_PASSWORD:
        raise ValueError(f"must have at most {LONGEST_PASSWORD} characters")
    return normal


def scopes_of(roles: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes of all the roles together, sorted; an unknown role gives none."""
    return tuple(sorted({scope for role in roles for scope in ROLE_SCOPES.get(role, ())}))


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
