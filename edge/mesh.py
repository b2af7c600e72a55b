"""What the mesh is told: who may call what, which routes exist, how long they may take. Written for the platform chart.

Everything is derived: callers from the allow-matrix the services enforce, paths from their OpenAPI documents, the edge's part
from the route table. So a row of the matrix, not a hand-written policy, opens a way between two services.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from edge.envoy.surroundings import TRUSTED_PROXIES
from edge.operations import Operation
from edge.table import VARIABLE, EdgeRoute, Matcher, RouteTable
from libs.security.allow import allowed_calls
from libs.topology import SERVICES
from libs.web.calls import CallPolicy

GATEWAY: Final = "gateway"
FOR_EVERYBODY: Final = (("auth", "get_jwks"),)
"""What every service calls without a row in the matrix: public keys are nobody's secret and prove no caller."""

_ANY_SEGMENT: Final = "{*}"

Entry = dict[str, Any]


def mesh_config(table: RouteTable, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return what the platform chart makes Istio's resources from.

    Raises:
        LookupError: the matrix names an operation its callee does not have.
    """
    return {
        "$comment": "Generated from libs/security/allow_matrix.json, docs/openapi and deploy/gateway/routes.json by `make edge`.",
        "services": list(SERVICES),
        "authorization": [*_between_services(operations), *_from_the_edge(table)],
        "sidecars": {caller: sorted(_callees_of(caller)) for caller in SERVICES}
        | {GATEWAY: sorted(SERVICES)},
        "routes": [*_edge_routes(table)],
        "trustedProxies": TRUSTED_PROXIES["apigateway"],
        # No shorter than any caller waits: the caller gives up first and knows what to do then.
        "eastWest": {"timeoutSeconds": CallPolicy().total},
    }


def _calls() -> list[tuple[str, str, str]]:
    """Every (caller, callee, operation) the services make of one another."""
    rows = [(row.caller, row.callee, row.operation) for row in allowed_calls()]
    common = [(caller, *operation) for caller in SERVICES for operation in FOR_EVERYBODY]
    return rows + common


def _callees_of(caller: str) -> set[str]:
    return {callee for asking, callee, _ in _calls() if asking == caller}


def _between_services(operations: Sequence[Operation]) -> Iterator[Entry]:
    for callee in SERVICES:
        offered = [one for one in operations if one.service == callee]
        for caller in SERVICES:
            wanted = [
                name for asking, asked, name in _calls() if (asking, asked) == (caller, callee)
            ]
            if wanted:
                rules = [_rule(name, wanted, offered) for name in wanted]
                yield {"service": callee, "caller": caller, "rules": rules}


def _rule(name: str, wanted: Sequence[str], offered: Sequence[Operation]) -> Entry:
    """Open one operation and, where its template would take in a sibling's path, not the sibling."""
    operation = next((one for one in offered if one.name == name), None)
    if operation is None:
        raise LookupError(f"the allow-matrix names {name}, which its callee does not have")
    rule: Entry = {
        "operation": name,
        "methods": [operation.method],
        "paths": [_template_of(operation.path)],
    }
    siblings = [
        _template_of(other.path)
        for other in offered
        if other.name not in wanted and _shadows(operation, other)
    ]
    return {**rule, "notPaths": siblings} if siblings else rule


def _shadows(operation: Operation, other: Operation) -> bool:
    """Tell whether requests for another operation fall into this one's template, although the service tells them apart."""
    same_method = operation.method == other.method and operation.path != other.path
    return same_method and Matcher("template", operation.path).matches(other.path)


def _template_of(path: str) -> str:
    return VARIABLE.sub(_ANY_SEGMENT, path)


def _from_the_edge(table: RouteTable) -> Iterator[Entry]:
    """The gateway may use what the table serves, whatever the method: the services answer those they do not know."""
    for service in SERVICES:
        rows = [route for route in table.edge_routes if route.service == service]
        paths = [path for route in rows for path in _policy_paths(route)]
        yield {"service": service, "caller": GATEWAY, "rules": [{"paths": paths}]}


def _policy_paths(route: EdgeRoute) -> list[str]:
    path = route.served(route.matcher.path)
    if route.matcher.kind == "prefix":
        return [path, f"{path}/*"]
    return [_template_of(path)]


def _edge_routes(table: RouteTable) -> Iterator[Entry]:
    """One row becomes one route, or two where only safe methods may be sent again."""
    for route in table.edge_routes:
        common = {"service": route.service, "timeoutSeconds": route.timeout_seconds}
        if route.retry is not None:
            match = {**_match(route), "methods": route.retry.methods}
            retries = {"attempts": route.retry.attempts, "retryOn": ",".join(route.retry.on)}
            yield {"name": f"{route.name}-safe", **common, "match": match, "retries": retries}
        yield {"name": route.name, **common, "match": _match(route), "retries": None}


def _match(route: EdgeRoute) -> Entry:
    path = route.served(route.matcher.path)
    if route.matcher.kind == "template":
        return {"regex": Matcher("template", path).regex}
    return {route.matcher.kind: path}
