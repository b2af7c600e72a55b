"""What of a request's address may be logged, counted or kept."""

from collections.abc import Mapping
from typing import Any, Final

from libs.ids import has_id_shape

UNMATCHED: Final = "unmatched"


def route_template(scope: Mapping[str, Any]) -> str:
    """Return the matched route's path such as `/v1/orders/{order_id}`, or `unmatched`; never the raw path.

    FastAPI keeps the path with the prefixes a router was included under in its own part of the scope.
    """
    for holder in (scope.get("fastapi", {}).get("effective_route_context"), scope.get("route")):
        template = getattr(holder, "path_format", None)
        if isinstance(template, str):
            return template
    return UNMATCHED


def shown_path(scope: Mapping[str, Any]) -> str:
    """Return the route's template with ids of ours filled in, such as `/v1/orders/ord_0198...`.

    What else stands in a path is whatever a client wrote there, and may be anybody's name.
    """
    shown = route_template(scope)
    for name, value in scope.get("path_params", {}).items():
        if has_id_shape(str(value)):
            shown = shown.replace(f"{{{name}}}", str(value))
    return shown
