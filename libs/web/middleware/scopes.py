"""Reading ASGI scopes without building a request object for each layer."""

from collections.abc import Iterable

from starlette.types import Scope


def header_of(scope: Scope, name: bytes) -> str | None:
    """Return the first header of this lower-case name, or None."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def without(
    headers: Iterable[tuple[bytes, bytes]], names: frozenset[bytes]
) -> list[tuple[bytes, bytes]]:
    """Return the headers whose lower-case name is not among `names`."""
    return [(key, value) for key, value in headers if key.lower() not in names]
