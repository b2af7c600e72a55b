"""The fields order reads exist in the other services' own documents, and the calls are allowed."""

from typing import Any

import pytest

from libs.security.allow import find_call
from libs.web.calls import CalleeProblem
from services.order.clients import AddressClient, CartClient, ProductClient, Wanted
from tests.architecture.applications import application_of
from tests.order.running import Running
from tests.order.service.test_checkout import PRINCIPAL
from tests.order.shop import ADDRESS, CART

PRICED = {"sku", "title", "unit_price_minor", "price_version"}

CALLS = [
    ("cart", "get_cart", "get", "/v1/carts/{cart_id}", "", {"cart_id", "version", "currency"}),
    ("cart", "get_cart", "get", "/v1/carts/{cart_id}", "lines", {"sku", "quantity"}),
    (
        "user",
        "get_address",
        "get",
        "/v1/me/addresses/{address_id}",
        "",
        {"recipient", "line1", "line2", "city", "region", "postal_code", "country"},
    ),
    ("product", "list_variants", "get", "/v1/variants", "items", PRICED),
    ("product", "hold_reservation", "post", "/v1/reservations", "", {"currency"}),
    ("product", "hold_reservation", "post", "/v1/reservations", "lines", PRICED | {"quantity"}),
]


@pytest.mark.parametrize(("service", "operation", "method", "path", "within", "fields"), CALLS)
def test_what_order_reads_is_what_the_others_answer(
    service: str, operation: str, method: str, path: str, within: str, fields: set[str]
) -> None:
    document = application_of(service).openapi()
    documented = document["paths"][path][method]
    assert documented["operationId"] == operation
    success = next(
        documented["responses"][code] for code in ("201", "200") if code in documented["responses"]
    )
    schema = resolved(document, success["content"]["application/json"]["schema"])
    if within:
        schema = resolved(document, schema["properties"][within]["items"])
    assert fields <= set(schema["properties"])


@pytest.mark.parametrize(
    ("callee", "operation", "for_user"),
    [
        ("cart", "get_cart", True),
        ("user", "get_address", True),
        ("product", "list_variants", False),
        ("product", "hold_reservation", False),
        ("product", "release_reservation", False),
    ],
)
def test_every_call_is_in_the_allow_matrix(callee: str, operation: str, for_user: bool) -> None:  # noqa: FBT001 - a parameter of the table
    row = find_call("order", callee, operation)
    assert row is not None
    assert row.user_token == for_user


async def test_a_refusal_nobody_foresaw_is_not_taken_for_not_found(running: Running) -> None:
    running.shop.refuses_all = 403
    resources = running.resources
    with pytest.raises(CalleeProblem):
        await CartClient(resources.client("cart", "http://cart")).get(PRINCIPAL, CART)
    with pytest.raises(CalleeProblem):
        await AddressClient(resources.client("user", "http://user")).get(PRINCIPAL, ADDRESS)
    products = ProductClient(resources.client("product", "http://product"))
    with pytest.raises(CalleeProblem):
        await products.hold("ord_1", [Wanted("MUG", 1)], "USD", 60)
    response = await running.post_order()
    assert (response.status_code, response.json()["code"]) == (502, "callee_refused")


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the document's components."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
    return found
