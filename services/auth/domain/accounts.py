"""The rules of accounts: addresses, roles and what those may do."""

import re
from collections.abc import Iterable
from typing import Final

from libs.security.scopes import CUSTOMER_SCOPES, STAFF_SCOPES

LONGEST_EMAIL: Final = 254

SHOP_NAME: Final = "Meridian"

ACTIVE: Final = "active"
PENDING: Final = "pending"
"""Registered, but whoever did has not proved to read mail at the address, where that is asked for first."""
LOCKED: Final = "disabled"
"""By staff, who can open it again."""
CLOSED: Final = "closed"
"""By its owner, who wants to be forgotten: nobody opens it again."""
SHUT: Final = frozenset({LOCKED, CLOSED})
"""Nobody gets in, whatever they prove or read in their mail."""

CUSTOMER: Final = "customer"
ADMIN: Final = "admin"

ROLE_SCOPES: Final = {
    CUSTOMER: CUSTOMER_SCOPES,
    ADMIN: (*CUSTOMER_SCOPES, *STAFF_SCOPES),
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


def provisional_name(email: str) -> str:
    """Return how to call somebody of whom only the address is known."""
    return email.partition("@")[0]


def scopes_of(roles: Iterable[str]) -> tuple[str, ...]:
    """Return the scopes of all the roles together, sorted; an unknown role gives none."""
    return tuple(sorted({scope for role in roles for scope in ROLE_SCOPES.get(role, ())}))
