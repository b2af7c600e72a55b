"""A process with enough to do refuses at once; what sells goes first; what only waits holds nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.middleware import Middleware

from libs.cache.rate_limit import Policy
from libs.security.rate_limiting import RateLimitMiddleware
from libs.settings import ServiceSettings
from libs.testing.waiting import eventually
from libs.web.admission import only_waiting
from libs.web.app import add_defaults, add_health, new_app
from libs.web.middleware import layers
from libs.web.prefer import preferences_of
from tests.libs.web.conftest import Settings, client_of, serving, settings

__all__ = ["settings"]

MOST = 256
AS_A_SERVICE = {"Service-Authorization": "Bearer of-another-service"}


@dataclass
class Stuck:
    """An application whose work ends when the test says so."""

    app: FastAPI
    client: httpx.AsyncClient
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    working: int = 0
    requests: list["asyncio.Task[httpx.Response]"] = field(default_factory=list)

    async def fill(self, method: str, count: int, **headers: str) -> None:
        """Send requests that stay in the middle of their work."""
        before = self.working
        self.requests += [
            asyncio.create_task(self.client.request(method, "/stuck", headers=headers))
            for _ in range(count)
        ]
        await eventually(lambda: self.working == before + count)

    async def ask(self, method: str, path: str = "/quick", **headers: str) -> httpx.Response:
        return await self.client.request(method, path, headers=headers)


@pytest.fixture
async def stuck(settings: Settings) -> AsyncIterator[Stuck]:
    async with _running(settings) as running:
        yield running
        running.go_on.set()
        await asyncio.gather(*running.requests)


@asynccontextmanager
async def _running(own: ServiceSettings) -> AsyncIterator[Stuck]:
    app = new_app("order", "Orders")
    add_defaults(app, own)
    add_health(app, {})
    async with client_of(app) as client:
        running = Stuck(app, client)
        app.include_router(_routes(running))
        yield running


def _routes(running: Stuck) -> APIRouter:
    router = APIRouter()

    @router.api_route("/stuck", methods=["GET", "POST"])
    async def stuck(request: Request) -> Response:
        running.working += 1
        if preferences_of(request).wait:
            with only_waiting():
                await running.go_on.wait()
        else:
            await running.go_on.wait()
        return Response(status_code=204)

    @router.api_route("/quick", methods=["GET", "POST"])
    async def quick() -> Response:
        return Response(status_code=204)

    return router


async def test_one_request_too_many_is_refused_at_once_and_told_when_to_come_back(
    stuck: Stuck,
) -> None:
    await stuck.fill("POST", MOST)
    answer = await stuck.ask("POST")
    assert answer.status_code == 503
    assert answer.json()["code"] == "overloaded"
    assert 1 <= int(answer.headers["Retry-After"]) <= 3
    assert "x-request-id" in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


async def test_health_and_metrics_answer_however_much_there_is_to_do(stuck: Stuck) -> None:
    await stuck.fill("POST", MOST)
    await stuck.fill("GET", MOST)
    for path in ("/livez", "/readyz", "/metrics"):
        assert (await stuck.ask("GET", path)).status_code == 200
    refused = 'meridian_requests_shed_total{importance="browsing"} '
    assert (await stuck.ask("GET")).status_code == 503
    assert refused in (await stuck.ask("GET", "/metrics")).text.replace(
        'otel_scope_name="meridian",', ""
    )


async def test_browsing_takes_no_place_from_those_who_buy(stuck: Stuck) -> None:
    await stuck.fill("GET", MOST)
    assert (await stuck.ask("GET")).status_code == 503
    assert (await stuck.ask("POST")).status_code == 204
    assert (await stuck.ask("GET", **AS_A_SERVICE)).status_code == 204, (
        "a purchase stands behind it"
    )


async def test_after_the_load_everybody_is_served_again(stuck: Stuck) -> None:
    await stuck.fill("POST", MOST)
    assert (await stuck.ask("POST")).status_code == 503
    stuck.go_on.set()
    answers = await asyncio.gather(*stuck.requests)
    assert {answer.status_code for answer in answers} == {204}
    assert (await stuck.ask("POST")).status_code == 204


async def test_who_chose_to_wait_for_the_outcome_keeps_nobody_out(stuck: Stuck) -> None:
    await stuck.fill("POST", MOST + 50, Prefer="wait=20")
    assert (await stuck.ask("POST")).status_code == 204


async def test_slow_answers_leave_fewer_places(settings: Settings) -> None:
    impatient = settings.model_copy(update={"buying_seconds": 0.000_001})
    async with _running(impatient) as running:
        await running.fill("POST", 10)
        running.go_on.set()
        await asyncio.gather(*running.requests)
        running.requests.clear()
        running.go_on.clear()
        fewest = 8  # ten were far too slow, so as few as ever are let in
        await running.fill("POST", fewest)
        assert (await running.ask("POST")).status_code == 503
        running.go_on.set()
        await asyncio.gather(*running.requests)


async def test_work_past_its_callers_deadline_keeps_its_place_until_it_ends(
    stuck: Stuck,
) -> None:
    async with serving(stuck.app) as address, httpx.AsyncClient(base_url=address) as client:
        late = await client.post("/stuck", headers={"Request-Timeout": "1000"})
        assert late.status_code == 504
        await stuck.fill("POST", MOST - 1)
        assert (await stuck.ask("POST")).status_code == 503
        stuck.go_on.set()
        await eventually(lambda: _served(stuck))


async def _served(stuck: Stuck) -> bool:
    return (await stuck.ask("POST")).status_code == 204


def test_refusing_costs_neither_a_token_check_nor_redis_nor_the_database() -> None:
    policy = Policy("default", 1, 1)
    inner = Middleware(
        RateLimitMiddleware,
        policy=policy,
        refuse=lambda _, __: Response(),
        cost=lambda _, __: 1,
    )
    order = [getattr(layer.cls, "__name__", "") for layer in layers([inner])]
    assert order.index("Shed") < order.index("RateLimitMiddleware")
    assert order.index("Intake") < order.index("Shed"), "a slow sender holds no place"
