"""What a request costs in a service is what the route table says; no operation is cheaper than its class by accident."""

import pytest

from edge.costs import cost_table
from edge.operations import Operation, load_operations
from edge.table import BrokenTable, load_table
from libs.security.costs import costs_of

TABLE = load_table()
OPERATIONS = load_operations()
SINGLE = {(one.service, one.operation): one.cost for one in TABLE.costs}


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.for_clients], ids=lambda one: one.name
)
def test_a_service_counts_what_the_table_says(operation: Operation) -> None:
    route = TABLE.route_for(operation.path)
    expected = SINGLE.get((operation.service, operation.name))
    if expected is None:
        expected = 1 if route is None else route.rate.cost
    assert costs_of(operation.service)(operation.method, operation.example) == expected


def test_credentials_exports_and_erasures_cost_more_than_reading() -> None:
    auth, user = costs_of("auth"), costs_of("user")
    reading = costs_of("product")("GET", "/v1/products/p1")
    for cost in (
        auth("POST", "/v1/auth/login"),
        auth("POST", "/v1/auth/register"),
        auth("POST", "/oauth2/token"),
        auth("POST", "/login"),
        user("POST", "/v1/me/exports"),
        user("POST", "/v1/me/erasure"),
        costs_of("product")("GET", "/v1/products"),
        costs_of("order")("POST", "/v1/orders"),
    ):
        assert cost > reading


def test_what_no_row_names_costs_one() -> None:
    assert costs_of("cart")("GET", "/nothing/here") == 1
    assert costs_of("user")("GET", "/v1/me/exports") == 1


def test_a_cost_of_an_operation_nobody_has_is_refused() -> None:
    with pytest.raises(BrokenTable, match="docs/openapi does not know"):
        cost_table(TABLE, [])
