"""What clients may ask for: grants, scopes and whom tokens are for."""

from collections.abc import Collection, Iterable
from typing import Final

from libs.security.scopes import (
    ACCOUNT_MANAGE,
    EMAIL,
    IDENTITY_SCOPES,
    OFFLINE_ACCESS,
    OPENID,
    PROFILE,
)
from services.auth.domain.accounts import ADMIN, scopes_of

AUTHORIZATION_CODE: Final = "authorization_code"
REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105 - the name of a grant
CLIENT_CREDENTIALS: Final = "client_credentials"
GRANTS: Final = (AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS)

DESCRIPTIONS: Final = {
    OPENID: "Know who you are here",
    PROFILE: "See your name",
    EMAIL: "See your e-mail address",
    OFFLINE_ACCESS: "Keep access while you are not using it",
    "profile:read": "Read your profile and addresses",
    "profile:write": "Change your profile and addresses",
    "carts:write": "See and change your cart",
    "orders:read": "See your orders",
    "orders:write": "Place and change orders for you",
    "payments:read": "See your payments",
    "catalogue:write": "Change the catalogue",
    "stock:write": "Change stock",
    "orders:admin": "Administer all orders",
    "payments:admin": "Administer all payments",
    "identity:admin": "Administer accounts and applications",
}
"""What the consent page says about each scope."""


def known_scopes() -> tuple[str, ...]:
    """Return every scope an application may have, OpenID Connect's first."""
    return (*IDENTITY_SCOPES, *(scope for scope in scopes_of([ADMIN]) if scope != ACCOUNT_MANAGE))


def granted_to(scopes: Iterable[str], roles: Iterable[str]) -> tuple[str, ...]:
    """Return which of a client's scopes the person behind it has to give."""
    theirs: Collection[str] = {*IDENTITY_SCOPES, *scopes_of(roles)} - {ACCOUNT_MANAGE}
    return tuple(scope for scope in scopes if scope in theirs)
