"""Marks each operation with who may call it; the gateway's routes and the access tests are generated from the marks."""

from typing import Final, Literal

Audience = Literal["public", "customer", "admin", "internal"]

AUDIENCE_KEY: Final = "x-audience"


def public() -> dict[str, object]:
    """Anybody, without a token: `@router.get(..., openapi_extra=public())`."""
    return _audience("public")


def customer() -> dict[str, object]:
    """A signed-in customer, about what is theirs."""
    return _audience("customer")


def admin() -> dict[str, object]:
    """Staff with a scope of theirs, who have shown a second factor."""
    return _audience("admin")


def internal() -> dict[str, object]:
    """Another service with a service token; has no route at the edge."""
    return _audience("internal")


def _audience(name: Audience) -> dict[str, object]:
    return {AUDIENCE_KEY: name}
