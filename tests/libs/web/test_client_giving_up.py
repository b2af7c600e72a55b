"""How long calls between services may take, and when a callee is left alone."""

import asyncio
from dataclasses import replace

import pytest
from fastapi import APIRouter, Response

from libs.deadline import DeadlineExceeded, deadline_in
from libs.testing.waiting import eventually
from libs.web.client import (
    CallPolicy,
    DependencyUnavailable,
    ServiceClient,
)
from libs.web.resilience import CircuitBreaker, RetryBudget
from tests.libs.web.callee import NEVER, PATIENT, Callee, calling, problem
from tests.libs.web.conftest import AppOf, serving


async def test_a_slow_try_is_given_up_and_the_next_one_answers(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [NEVER]
    policy = replace(PATIENT, per_try=1)
    answer = await client.request("GET", "/v1/x", operation="get_x", policy=policy)
    assert answer.json() == {"ok": True}
    assert len(callee.seen) > 1


async def test_the_whole_call_ends_in_time_however_often_it_may_be_tried(
    callee: Callee, app_of: AppOf
) -> None:
    callee.script = [NEVER] * 1_000
    policy = replace(PATIENT, per_try=0.1, total=0.5, attempts=1_000)
    plenty = RetryBudget(reserve=1_000, capacity=1_000)
    breaker = CircuitBreaker(smallest=10_000)
    async with (
        serving(app_of(callee.router())) as address,
        calling(address, policy, breaker, plenty) as client,
        asyncio.timeout(30),
    ):
        with pytest.raises(DependencyUnavailable) as failed:
            await client.request("GET", "/v1/x", operation="get_x")
    assert failed.value.headers["Retry-After"] == "1"
    assert failed.value.extensions == {"dependency": "product"}


async def test_a_callee_that_asks_for_more_time_than_there_is_gets_no_second_try(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [Response(status_code=503, headers={"Retry-After": "30"})]
    with pytest.raises(DependencyUnavailable) as failed:
        await client.request("GET", "/v1/x", operation="get_x")
    assert failed.value.headers["Retry-After"] == "30"
    assert len(callee.seen) == 1


async def test_the_callers_deadline_shortens_the_call(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [NEVER]
    async with asyncio.timeout(PATIENT.per_try):
        with deadline_in(1.0), pytest.raises(DependencyUnavailable):
            await client.request("GET", "/v1/x", operation="get_x")
    assert int(callee.seen[0].headers["request-timeout"]) <= 1_000
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
            policy = CallPolicy(per_try=9, total=9)
            await outer.request("GET", "/v1/middle", operation="middle", policy=policy)
    assert 0 < int(callee.seen[0].headers["request-timeout"]) <= 8_950


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
    now = [0.0]
    breaker = CircuitBreaker(smallest=4, open_seconds=2, now=lambda: now[0])
    none = RetryBudget(ratio=0.0, reserve=0.0)
    async with (
        serving(app_of(callee.router())) as address,
        calling(address, breaker=breaker, budget=none) as client,
    ):
        for _ in range(40):
            with pytest.raises(DependencyUnavailable):
                await client.request("GET", "/v1/x", operation="get_x")
        assert len(callee.seen) == 4
        now[0] = 2.0
        assert (await client.request("GET", "/v1/x", operation="get_x")).json() == {"ok": True}
        assert breaker.state == "closed"


async def test_a_cancelled_call_says_nothing_about_the_callee(
    client: ServiceClient, callee: Callee
) -> None:
    callee.script = [NEVER]
    calls = asyncio.create_task(client.request("GET", "/v1/x", operation="get_x"))
    await eventually(lambda: callee.seen)
    calls.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls
    assert client.breaker.state == "closed"
    assert (await client.request("GET", "/v1/x", operation="get_x")).json() == {"ok": True}
