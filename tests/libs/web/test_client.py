"""Calls between services, against real servers: what travels along, what is tried again and what is not."""

import pytest
from fastapi import Response
from pydantic import BaseModel

from libs.observability.context import bind
from libs.observability.tracing import current_traceparent, start_span
from libs.web.client import (
    CalleeProblem,
    CallPolicy,
    DependencyUnavailable,
    ServiceClient,
)
from tests.libs.web.callee import NEVER, Callee, Step, User, problem


async def test_an_answer_is_read_as_json_or_into_a_model(client: ServiceClient) -> None:
    class Ok(BaseModel):
        ok: bool

    answer = await client.request("GET", "/v1/x", operation="get_x")
    assert (answer.status, answer.json()) == (200, {"ok": True})
    assert answer.parse(Ok).ok


async def test_identity_trace_and_time_travel_along(client: ServiceClient, callee: Callee) -> None:
    with bind(request_id="req_1"), start_span("test"):
        trace = current_traceparent().split("-")[1]
        await client.request(
            "POST",
            "/v1/holds",
            operation="hold",
            principal=User("user-token"),
            json={"a": 1},
            params={"sku": ["A", "B"], "n": 1},
            idempotency_key="key-1",
            headers={"If-Match": '"v1"'},
        )
    (request,) = callee.seen
    headers = request.headers
    assert headers["service-authorization"] == "Bearer for-product"
    assert headers["authorization"] == "Bearer user-token"
    assert headers["x-request-id"] == "req_1"
    assert headers["idempotency-key"] == "key-1"
    assert headers["if-match"] == '"v1"'
    assert headers["content-type"] == "application/json"
    assert headers["traceparent"].split("-")[1] == trace
    assert 5_000 < int(headers["request-timeout"]) <= 10_000
    assert request.url.query == "sku=A&sku=B&n=1"
    assert callee.bodies == [b'{"a":1}']


async def test_a_call_for_nobody_carries_no_user_token(
    client: ServiceClient, callee: Callee
) -> None:
    await client.request("GET", "/v1/x", operation="get_x")
    assert "authorization" not in callee.seen[0].headers


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_read_is_tried_again(client: ServiceClient, callee: Callee, status: int) -> None:
    callee.script = [Response(status_code=status)]
    assert (await client.request("GET", "/v1/x", operation="get_x")).json() == {"ok": True}
    assert len(callee.seen) == 2


async def test_a_write_with_a_key_is_tried_again_with_the_same_key_and_body(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [Response(status_code=503), problem(409, "idempotency_in_flight")]
    await client.request("POST", "/v1/x", operation="make", json={"a": 1}, idempotency_key="k")
    assert [one.headers["idempotency-key"] for one in callee.seen] == ["k"] * 3
    assert callee.bodies == [b'{"a":1}'] * 3


@pytest.mark.parametrize("failure", [Response(status_code=503), NEVER], ids=["503", "silence"])
async def test_a_write_without_a_key_is_never_tried_again(
    client: ServiceClient, callee: Callee, failure: Step
) -> None:
    callee.script = [failure]
    policy = CallPolicy(per_try=1, total=20)
    with pytest.raises(DependencyUnavailable):
        await client.request("POST", "/v1/x", operation="make", policy=policy)
    assert len(callee.seen) == 1


async def test_a_bug_of_the_callee_is_not_hammered(client: ServiceClient, callee: Callee) -> None:
    callee.script = [Response(status_code=500), Response(status_code=302)]
    for _ in range(2):
        with pytest.raises(DependencyUnavailable):
            await client.request("GET", "/v1/x", operation="get_x")
    assert len(callee.seen) == 2


async def test_a_refusal_surfaces_with_its_code_and_members(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [problem(409, "out_of_stock", sku="MUG"), Response(b"<html>", 404)]
    with pytest.raises(CalleeProblem) as refused:
        await client.request("POST", "/v1/x", operation="hold", idempotency_key="k")
    assert (refused.value.status, refused.value.code) == (409, "out_of_stock")
    assert refused.value.extensions["sku"] == "MUG"
    with pytest.raises(CalleeProblem) as plain:
        await client.request("GET", "/v1/x", operation="get_x")
    assert (plain.value.status, plain.value.code) == (404, "")
    assert len(callee.seen) == 2


@pytest.mark.parametrize(
    "cart_id",
    [
        "..",
        "../orders/ord_1",
        "./x",
        "",
        "a?b=1",
        "a#b",
        "a b",
        "a\x00",
        "a\n",
        "ü",
        "a//b",
        "a\\b",
    ],
)
async def test_an_id_cannot_lead_to_another_operation(
    client: ServiceClient, callee: Callee, cart_id: str
) -> None:
    with pytest.raises(CalleeProblem) as refused:
        await client.request("GET", f"/v1/carts/{cart_id}", operation="get_cart")
    assert refused.value.status == 404
    assert callee.seen == []
