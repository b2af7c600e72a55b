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


def route_template(scope: Scope) -> str:
    """Return the matched route's path such as `/v1/orders/{order_id}`, or `unmatched`; never the raw path.

    FastAPI keeps the path with the prefixes a router was included under in its own part of the scope.
    """
    for holder in (scope.get("fastapi", {}).get("effective_route_context"), scope.get("route")):
        template = getattr(holder, "path_format", None)
        if isinstance(template, str):
            return template
    return "unmatched"


def without(
    headers: Iterable[tuple[bytes, bytes]], names: frozenset[bytes]
) -> list[tuple[bytes, bytes]]:
    """Return the headers whose lower-case name is not among `names`."""
    return [(key, value) for key, value in headers if key.lower() not in names]
