"""Every gateway makes the same of the table: path, token, timeout, repetition, rate and cache."""

from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from edge.operations import Operation, load_operations
from edge.table import EdgeRoute, load_table
from tests.edge.readers import api_gateway, cloudfront, envoy, istio, kong
from tests.edge.readers.found import Found

Finder = Callable[[str, str], Found | None]

FINDERS: dict[str, Finder] = {
    "envoy": envoy.find,
    "api_gateway": api_gateway.find,
    "kong": kong.find,
    "istio": istio.find,
    "cloudfront": cloudfront.find,
}
OPERATIONS = load_operations()
FOR_CLIENTS = [operation for operation in OPERATIONS if operation.for_clients]
INTERNAL = [operation for operation in OPERATIONS if not operation.for_clients]
MAY_BE_ANONYMOUS = {"public", "optional"}


def row_of(operation: Operation) -> EdgeRoute:
    row = load_table().route_for(operation.example)
    assert row is not None, f"{operation.path} has no row in deploy/gateway/routes.json"
    return row


def said_by_the_table(row: EdgeRoute, method: str, finder: str) -> Found:
    """What the table says of a request, in as many words as the gateway's format has."""
    retried = row.retry is not None and method in row.retry.methods
    everything = Found(
        rule="",
        service=row.service,
        token_required=row.auth == "required",
        timeout_seconds=row.timeout_seconds,
        stream=row.stream,
        retries=row.retry.attempts if row.retry is not None and retried else 0,
        per_second=row.rate.requests,
        cache=row.cache_name,
    )
    if finder == "api_gateway":
        # It repeats nothing, and a method's limit is that of all clients together.
        return replace(everything, retries=0, per_second=row.rate.total, service=None, cache=None)
    if finder == "cloudfront":
        return Found(rule="", cache=row.cache_name, stream=True if row.stream else None)
    if finder == "istio":  # tokens and rates are the gateway's in front of it
        return replace(everything, token_required=None, per_second=None, cache=None)
    return replace(everything, cache=None)


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize("operation", FOR_CLIENTS, ids=lambda one: f"{one.service}-{one.name}")
def test_an_operation_for_clients_falls_to_one_rule_that_says_what_the_table_says(
    operation: Operation, finder: str
) -> None:
    row = row_of(operation)
    assert row.service == operation.service
    for method in {operation.method, *(["HEAD"] if operation.method == "GET" else [])}:
        found = FINDERS[finder](method, operation.example)
        assert found is not None, f"{finder} serves no {method} {operation.path}"
        assert asdict(replace(found, rule="")) == asdict(said_by_the_table(row, method, finder))


@pytest.mark.parametrize("operation", FOR_CLIENTS, ids=lambda one: f"{one.service}-{one.name}")
def test_gateways_with_names_choose_the_same_row(operation: Operation) -> None:
    name = row_of(operation).name
    for finder in (envoy.find, kong.find, istio.find):
        found = finder(operation.method, operation.example)
        assert found is not None
        assert found.rule.removesuffix("-safe") == name


@pytest.mark.parametrize("operation", FOR_CLIENTS, ids=lambda one: f"{one.service}-{one.name}")
def test_what_is_public_asks_for_no_token(operation: Operation) -> None:
    if operation.audience == "public":
        assert row_of(operation).auth in MAY_BE_ANONYMOUS


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize("operation", INTERNAL, ids=lambda one: f"{one.service}-{one.name}")
def test_an_internal_operation_falls_to_no_rule(operation: Operation, finder: str) -> None:
    assert load_table().route_for(operation.example) is None
    assert FINDERS[finder](operation.method, operation.example) is None


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/v1",
        "/v1/ordersx",
        "/orders",
    ],
)
def test_what_is_no_operation_falls_to_no_rule(path: str, finder: str) -> None:
    assert FINDERS[finder]("GET", path) is None


@pytest.mark.parametrize("row", load_table().edge_routes, ids=lambda row: row.name)
def test_every_row_is_there_for_an_operation(row: EdgeRoute) -> None:
    assert [one for one in FOR_CLIENTS if row_of(one) == row], f"nothing needs the row {row.name}"


def test_there_is_an_operation_of_every_audience_and_a_stream() -> None:
    assert {one.audience for one in OPERATIONS} == {"public", "customer", "admin", "internal"}
    assert [one for one in FOR_CLIENTS if row_of(one).stream]
    assert {row_of(one).cache_name for one in FOR_CLIENTS} == {"none", "five_minutes"}
