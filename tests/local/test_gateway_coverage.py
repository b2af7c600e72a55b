"""The route table against the services' own documents: everything for clients is reachable, nothing internal is."""

import re

import pytest
from fastapi.routing import APIRoute

from libs.topology import SERVICES
from local.gateway import load_routes
from tests.architecture.applications import api_routes, application_of

MAY_BE_ANONYMOUS = {"public", "optional"}


def operations() -> list[tuple[str, APIRoute]]:
    return [
        (service, route) for service in SERVICES for route in api_routes(application_of(service))
    ]


def audience_of(route: APIRoute) -> str:
    return str((route.openapi_extra or {}).get("x-audience"))


@pytest.mark.parametrize(
    ("service", "operation"), operations(), ids=lambda value: getattr(value, "name", value)
)
def test_the_edge_serves_exactly_what_clients_may_call(service: str, operation: APIRoute) -> None:
    path = re.sub(r"\{[^}]+\}", "x", operation.path)
    row = load_routes().route_for(path)
    audience = audience_of(operation)
    if audience == "internal":
        assert row is None, f"{path} is internal and has a route at the edge"
        return
    assert row is not None, f"{path} has no row in deploy/gateway/routes.json"
    assert row.service == service
    if audience == "public":
        assert row.auth in MAY_BE_ANONYMOUS, f"{path} is public and the edge wants a token"
