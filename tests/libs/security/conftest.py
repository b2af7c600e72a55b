"""An issuer, what verifies its tokens, and an application that asks for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import redis.asyncio as redis_asyncio
from fastapi import FastAPI, Request
from starlette.responses import Response

from libs.cache.rate_limit import Policy, RateLimiter
from libs.cache.redis import open_redis
from libs.cache.sessions import SessionStore
from libs.clock import SystemClock
from libs.errors import DomainError
from libs.security.rate_limiting import RateLimitMiddleware
from libs.security.service_tokens import ServiceVerifier, generate_service_keys
from libs.security.tokens import TokenVerifier
from libs.testing.servers import REDIS_PATIENCE
from tests.libs.security.guarded import Parts, guarded_routes, problem, routes
from tests.libs.security.issuer import AUDIENCE, ISSUER, Hand, Issuer, OneKey


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def verifier(hand: Hand) -> TokenVerifier:
    return TokenVerifier(OneKey(), ISSUER, AUDIENCE, hand)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    generate_service_keys(directory)
    return directory


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[redis_asyncio.Redis]:
    client = open_redis(redis_url, REDIS_PATIENCE)
    yield client
    await client.aclose()


@pytest.fixture(params=["product"])
def me(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cost(method: str, path: str) -> int:
    """What requests cost here; 90 is more than anybody has."""
    return {("GET", "/costly"): 7, ("GET", "/priceless"): 90}.get((method, path), 1)


@pytest.fixture
async def client(
    redis: redis_asyncio.Redis, keys: Path, me: str
) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.resources = Parts(
        verifier=TokenVerifier(OneKey(), ISSUER, AUDIENCE, SystemClock()),
        service_verifier=ServiceVerifier(keys / "trust-bundle.json", me),
        sessions=SessionStore(redis),
        rate_limiter=RateLimiter(redis, "order"),
    )
    app.add_middleware(
        RateLimitMiddleware, policy=Policy("default", 20, 60), refuse=problem, cost=cost
    )

    @app.exception_handler(DomainError)
    async def refuse(request: Request, error: DomainError) -> Response:
        return problem(request.scope, error)

    routes(app)
    guarded_routes(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://product") as client:
        yield client
