"""What each request costs its caller: the services' copy of the route table's figures."""

from collections.abc import Sequence
from typing import Any

from edge.operations import Operation
from edge.table import BrokenTable, EdgeRoute, Matcher, RouteTable
from libs.topology import SERVICES


def cost_table(table: RouteTable, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return each service's rows in the order they are tried: a method, a path as a regular expression, the cost.

    Raises:
        BrokenTable: `costs` names an operation that no service has.
    """
    return {service: _rows(table, operations, service) for service in SERVICES}


def _rows(table: RouteTable, operations: Sequence[Operation], service: str) -> list[dict[str, Any]]:
    single = [
        _row(_operation(operations, service, one.operation), one.cost)
        for one in table.costs
        if one.service == service
    ]
    routes = [
        {"method": None, "path": _served(route).regex, "cost": route.rate.cost}
        for route in table.edge_routes
        if route.service == service
    ]
    return [*single, *routes]


def _row(operation: Operation, cost: int) -> dict[str, Any]:
    path = Matcher("template" if "{" in operation.path else "exact", operation.path)
    return {"method": operation.method, "path": path.regex, "cost": cost}


def _operation(operations: Sequence[Operation], service: str, name: str) -> Operation:
    for one in operations:
        if (one.service, one.name) == (service, name):
            return one
    raise BrokenTable(f"costs names {name} of {service}, which docs/openapi does not know")


def _served(route: EdgeRoute) -> Matcher:
    return Matcher(route.matcher.kind, route.served(route.matcher.path))
