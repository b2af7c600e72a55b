"""Calls between services, against real servers: what is retried, what is not, and for how long."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from libs.deadline import DeadlineExceeded, deadline_in
from libs.observability.context import bind
from libs.observability.tracing import current_traceparent, start_span
from libs.web.client import (
    CalleeProblem,
    CallPolicy,
    DependencyUnavailable,
    ServiceClient,
)
from libs.web.resilience import CircuitBreaker, RetryBudget
from tests.libs.web.conftest import AppOf, serving

QUICK = CallPolicy(per_try=0.3, total=1.0, backoff_base=0.001, backoff_cap=0.002)


class Signer:
    def token_for(self, callee: str) -> str:
        return f"for-{callee}"


@dataclass(frozen=True)
class User:
    token: str


@dataclass
class Callee:
    """A service that answers as scripted and remembers what it was asked."""

    script: list[Response | float] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.api_route("/v1/{path:path}", methods=["GET", "POST"])
        async def answer(request: Request) -> Response:
            self.seen.append(request)
            self.bodies.append(await request.body())
            step = self.script.pop(0) if self.script else Response(b'{"ok":true}')
            if isinstance(step, float):
                await asyncio.sleep(step)
                return Response(b'{"late":true}')
            return step

        return router


def problem(status: int, code: str, **members: str) -> Response:
    body = httpx.Response(status, json={"status": status, "code": code, **members}).content
    return Response(body, status, media_type="application/problem+json")


Calling = Callable[..., "asyncio.Future[None]"]


@pytest.fixture
def callee() -> Callee:
    return Callee()


@pytest.fixture
async def client(callee: Callee, app_of: AppOf) -> AsyncIterator[ServiceClient]:
    async with serving(app_of(callee.router())) as address, calling(address) as client:
        yield client


@asynccontextmanager
async def calling(
    address: str,
    policy: CallPolicy = QUICK,
    breaker: CircuitBreaker | None = None,
    budget: RetryBudget | None = None,
) -> AsyncIterator[ServiceClient]:
    async with httpx.AsyncClient() as http:
        yield ServiceClient(
            address,
            "product",
            Signer(),
            http,
            policy,
            breaker or CircuitBreaker(),
            budget or RetryBudget(),
        )


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
    assert 250 <= int(headers["request-timeout"]) <= 300
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


@pytest.mark.parametrize("failure", [Response(status_code=503), 0.5])
async def test_a_write_without_a_key_is_never_tried_again(
    client: ServiceClient, callee: Callee, failure: Response | float
) -> None:
    callee.script = [failure]
    with pytest.raises(DependencyUnavailable):
        await client.request("POST", "/v1/x", operation="make")
    assert len(callee.seen) == 1


async def test_a_slow_try_is_given_up_and_the_next_one_answers(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [2.0]
    started = time.monotonic()
    assert (await client.request("GET", "/v1/x", operation="get_x")).json() == {"ok": True}
    assert 0.25 < time.monotonic() - started < 0.9


async def test_the_whole_call_ends_in_time_however_slow_the_callee(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [2.0] * 9
    started = time.monotonic()
    with pytest.raises(DependencyUnavailable) as failed:
        await client.request("GET", "/v1/x", operation="get_x")
    assert time.monotonic() - started < 1.3
    assert len(callee.seen) <= 3
    assert failed.value.headers["Retry-After"] == "1"
    assert failed.value.extensions == {"dependency": "product"}


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


async def test_a_callee_that_asks_for_more_time_than_there_is_gets_no_second_try(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [Response(status_code=503, headers={"Retry-After": "30"})]
    started = time.monotonic()
    with pytest.raises(DependencyUnavailable) as failed:
        await client.request("GET", "/v1/x", operation="get_x")
    assert time.monotonic() - started < 0.5
    assert failed.value.headers["Retry-After"] == "30"
    assert len(callee.seen) == 1


async def test_the_callers_deadline_shortens_the_call(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [2.0]
    started = time.monotonic()
    with deadline_in(0.1), pytest.raises(DependencyUnavailable):
        await client.request("GET", "/v1/x", operation="get_x")
    assert time.monotonic() - started < 0.3
    assert int(callee.seen[0].headers["request-timeout"]) <= 100
    with deadline_in(0.0), pytest.raises(DeadlineExceeded):
        await client.request("GET", "/v1/x", operation="get_x")
    assert len(callee.seen) == 1


async def test_the_deadline_shrinks_with_every_hop(callee: Callee, app_of: AppOf) -> None:
    async with serving(app_of(callee.router())) as last, calling(last) as inner:
        middle = APIRouter()

        @middle.get("/v1/middle")
        async def pass_on() -> dict[str, bool]:
            await asyncio.sleep(0.05)
            await inner.request("GET", "/v1/x", operation="get_x")
            return {"ok": True}

        async with serving(app_of(middle)) as first, calling(first) as outer:
            policy = CallPolicy(per_try=0.2, total=0.2)
            await outer.request("GET", "/v1/middle", operation="middle", policy=policy)
    assert 0 < int(callee.seen[0].headers["request-timeout"]) <= 150


async def test_an_address_where_nobody_listens_is_unavailable() -> None:
    async with calling("http://127.0.0.1:9") as client:
        with pytest.raises(DependencyUnavailable):
            await client.request("GET", "/v1/x", operation="get_x")


async def test_a_callee_that_always_fails_gets_hardly_more_calls_than_were_made(
    callee: Callee, app_of: AppOf
) -> None:
    callee.script = [Response(status_code=503) for _ in range(1000)]
    never_opens = CircuitBreaker(smallest=10_000)
    async with (
        serving(app_of(callee.router())) as address,
        calling(address, breaker=never_opens) as client,
    ):
        for _ in range(200):
            with pytest.raises(DependencyUnavailable):
                await client.request("GET", "/v1/x", operation="get_x")
    assert len(callee.seen) <= 200 * 1.1


@pytest.mark.parametrize("refusal", [(503, "overloaded"), (429, "rate_limited")])
async def test_a_callee_that_has_enough_to_do_is_neither_asked_again_nor_cut_off(
    callee: Callee, app_of: AppOf, refusal: tuple[int, str]
) -> None:
    callee.script = [problem(*refusal) for _ in range(8)]
    breaker = CircuitBreaker(smallest=2)
    async with (
        serving(app_of(callee.router())) as address,
        calling(address, breaker=breaker) as client,
    ):
        for _ in range(8):
            with pytest.raises(DependencyUnavailable):
                await client.request("GET", "/v1/x", operation="get_x")
        assert len(callee.seen) == 8
        assert (await client.request("GET", "/v1/x", operation="get_x")).json() == {"ok": True}


async def test_a_failing_callee_is_cut_off_and_asked_again_later(
    callee: Callee, app_of: AppOf
) -> None:
    callee.script = [Response(status_code=503) for _ in range(4)]
    breaker = CircuitBreaker(smallest=4, open_seconds=0.2)
    none = RetryBudget(ratio=0.0, reserve=0.0)
    async with (
        serving(app_of(callee.router())) as address,
        calling(address, breaker=breaker, budget=none) as client,
    ):
        for _ in range(40):
            with pytest.raises(DependencyUnavailable):
                await client.request("GET", "/v1/x", operation="get_x")
        assert len(callee.seen) == 4
        async with asyncio.timeout(5):
            while breaker.seconds_until_probe() > 0.0:  # noqa: ASYNC110 - it waits for the clock
                await asyncio.sleep(0.01)
        assert (await client.request("GET", "/v1/x", operation="get_x")).json() == {"ok": True}
        assert breaker.state == "closed"


async def test_a_cancelled_call_says_nothing_about_the_callee(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [2.0]
    calls = asyncio.create_task(client.request("GET", "/v1/x", operation="get_x"))
    async with asyncio.timeout(5):
        while not callee.seen:  # noqa: ASYNC110 - the server is another party
            await asyncio.sleep(0.005)
    calls.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls
    assert client.breaker.state == "closed"
    assert (await client.request("GET", "/v1/x", operation="get_x")).json() == {"ok": True}


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
