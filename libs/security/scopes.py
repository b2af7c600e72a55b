"""What access tokens may say their bearer can do, and which of it takes a second factor."""

from typing import Final

ACCOUNT_MANAGE: Final = "account:manage"
"""Password, second factors, sessions, erasure and the copy of everything: never an application's, only our own logins'."""
CUSTOMER_SCOPES: Final = (
    ACCOUNT_MANAGE,
    "profile:read",
    "profile:write",
    "carts:write",
    "orders:read",
    "orders:write",
    "payments:read",
)
STAFF_SCOPES: Final = (
    "catalogue:write",
    "stock:write",
    "orders:admin",
    "payments:admin",
    "identity:admin",
)

OPENID: Final = "openid"
PROFILE: Final = "profile"
EMAIL: Final = "email"
OFFLINE_ACCESS: Final = "offline_access"
IDENTITY_SCOPES: Final = (OPENID, PROFILE, EMAIL, OFFLINE_ACCESS)
"""OpenID Connect's own; everybody may grant them."""

_ONE_FACTOR: Final = frozenset({*CUSTOMER_SCOPES, *IDENTITY_SCOPES})


def takes_second_factor(scope: str) -> bool:
    """Tell whether a person needs a second factor to use a scope: for every one that is not known to be a customer's."""
    return scope not in _ONE_FACTOR
