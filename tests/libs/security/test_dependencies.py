from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import httpx
import pytest
import redis.asyncio as redis_asyncio
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response
from starlette.types import Scope

from libs.cache.rate_limit import Policy, RateLimiter
from libs.cache.redis import open_redis
from libs.cache.sessions import SessionRecord, SessionStore
from libs.clock import SystemClock, utc_now
from libs.errors import DomainError
from libs.security.dependencies import (
    authenticated,
    authenticated_live,
    optional_principal,
    service_caller,
)
from libs.security.principal import Principal
from libs.security.rate_limiting import RateLimitMiddleware
from libs.security.service_tokens import ServiceSigner, ServiceVerifier, generate_service_keys
from libs.security.tokens import TokenVerifier
from tests.libs.security.conftest import AUDIENCE, ISSUER, Issuer, OneKey

Reader = Annotated[Principal, Depends(authenticated("orders:read"))]
LiveWriter = Annotated[Principal, Depends(authenticated_live("orders:write"))]
Anybody = Annotated[Principal | None, Depends(optional_principal)]
Caller = Annotated[str, Depends(service_caller())]


@dataclass(frozen=True)
class Parts:
    verifier: TokenVerifier
    service_verifier: ServiceVerifier
    sessions: SessionStore
    rate_limiter: RateLimiter


def problem(_scope: Scope, error: DomainError) -> Response:
    return JSONResponse({"code": error.code}, status_code=error.status, headers=error.headers)


def routes(app: FastAPI) -> None:
    @app.get("/orders")
    def list_orders(principal: Reader) -> str:
        return principal.subject

    @app.get("/address")
    def get_address(principal: Reader) -> str:
        return principal.subject

    @app.post("/orders")
    def place_order(principal: LiveWriter, request: Request) -> str:
        assert (request.state.principal is principal) is True
        return principal.subject

    @app.get("/products")
    def list_products(principal: Anybody) -> str:
        return principal.subject if principal else "guest"

    @app.get("/variants")
    def list_variants(caller: Caller) -> str:
        return caller

    @app.get("/cart")
    def get_cart(caller: Caller, request: Request) -> str:
        return f"{caller} for {request.state.principal.subject}"

    @app.get("/livez")
    def livez() -> str:
        return "alive"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    generate_service_keys(directory)
    return directory


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[redis_asyncio.Redis]:
    client = open_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture(params=["product"])
def me(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def client(
    redis: redis_asyncio.Redis, keys: Path, me: str
) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.resources = Parts(
        verifier=TokenVerifier(OneKey(), ISSUER, AUDIENCE, SystemClock()),
        service_verifier=ServiceVerifier(keys / "trust-bundle.json", me),
        sessions=SessionStore(redis),
        rate_limiter=RateLimiter(redis),
    )
    app.add_middleware(RateLimitMiddleware, policy=Policy("default", 20, 60), refuse=problem)

    @app.exception_handler(DomainError)
    async def refuse(request: Request, error: DomainError) -> Response:
        return problem(request.scope, error)

    routes(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://product") as client:
        yield client


def user(**claims: object) -> dict[str, str]:
    now = int(utc_now().timestamp())
    token = Issuer().token(**{"iat": now, "exp": now + 300, **claims})
    return {"Authorization": f"Bearer {token}"}


def service(keys: Path, caller: str, callee: str = "product") -> dict[str, str]:
    token = ServiceSigner(caller, keys / f"{caller}.key.json").token_for(callee)
    return {"Service-Authorization": f"Bearer {token}"}


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def test_a_token_with_the_scope_is_enough_to_read(client: httpx.AsyncClient) -> None:
    response = await client.get("/orders", headers=user())
    assert (response.status_code, response.json()) == (200, "usr_1")


@pytest.mark.parametrize("path", ["/orders", "/address"])
async def test_without_a_token_authentication_is_asked_for(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert code(response) == (401, "authentication_required")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic dTpw", "Bearer a b", "token", ""])
async def test_an_odd_header_is_refused(client: httpx.AsyncClient, header: str) -> None:
    response = await client.get("/orders", headers={"Authorization": header})
    assert code(response) == (401, "invalid_token")


async def test_two_authorization_headers_are_refused(client: httpx.AsyncClient) -> None:
    one, other = user(), user(sub="usr_2")
    response = await client.get("/orders", headers=[*one.items(), *other.items()])
    assert code(response) == (401, "invalid_token")


async def test_a_token_without_the_scope_is_told_which_one(client: httpx.AsyncClient) -> None:
    response = await client.get("/orders", headers=user(scope="orders:write"))
    assert code(response) == (403, "insufficient_scope")
    assert 'scope="orders:read"' in response.headers["WWW-Authenticate"]


async def test_guests_are_welcome_where_the_principal_is_optional(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/products")).json() == "guest"
    assert (await client.get("/products", headers=user())).json() == "usr_1"
    forged = {"Authorization": "Bearer x.y.z"}
    assert code(await client.get("/products", headers=forged)) == (401, "invalid_token")


async def test_money_needs_a_live_session(
    client: httpx.AsyncClient, redis: redis_asyncio.Redis
) -> None:
    assert code(await client.post("/orders", headers=user())) == (401, "session_ended")

    store, now = SessionStore(redis), utc_now()
    record = SessionRecord(
        session_id="ses_1",
        user_id="usr_1",
        home_region="us-east-1",
        client_id="storefront",
        created_at=now,
        auth_time=now,
    )
    await store.put("ses_1", record, 60, now + timedelta(hours=1))
    assert (await client.post("/orders", headers=user())).status_code == 200
    assert code(await client.post("/orders", headers=user(sub="usr_2"))) == (401, "session_ended")
    assert code(await client.post("/orders", headers=user(sid=None))) == (401, "session_ended")
    assert code(await client.post("/orders", headers=user(scope="")))[0] == 403

    await redis.flushall()
    assert code(await client.post("/orders", headers=user())) == (401, "session_ended")


@pytest.mark.parametrize("path", ["/orders", "/products"])
async def test_staff_need_a_live_session_even_to_read(
    client: httpx.AsyncClient, redis: redis_asyncio.Redis, path: str
) -> None:
    staff = user(roles=["admin"])
    assert code(await client.get(path, headers=staff)) == (401, "session_ended")

    store, now = SessionStore(redis), utc_now()
    record = SessionRecord(
        session_id="ses_1",
        user_id="usr_1",
        home_region="us-east-1",
        client_id="storefront",
        created_at=now,
        auth_time=now,
    )
    await store.put("ses_1", record, 60, now + timedelta(hours=1))
    assert (await client.get(path, headers=staff)).status_code == 200


async def test_without_redis_money_is_503_and_reading_goes_on(
    client: httpx.AsyncClient, redis: redis_asyncio.Redis
) -> None:
    redis.connection_pool.connection_kwargs["port"] = 1
    await redis.connection_pool.disconnect()

    assert code(await client.post("/orders", headers=user())) == (503, "session_store_unavailable")
    assert (await client.get("/orders", headers=user())).status_code == 200


async def test_an_allowed_service_may_call(client: httpx.AsyncClient, keys: Path) -> None:
    for caller in ("order", "cart"):
        response = await client.get("/variants", headers=service(keys, caller))
        assert (response.status_code, response.json()) == (200, caller)


async def test_an_unlisted_service_may_not(client: httpx.AsyncClient, keys: Path) -> None:
    for caller in ("auth", "user", "payment", "product"):
        response = await client.get("/variants", headers=service(keys, caller))
        assert code(response) == (403, "caller_not_allowed")


async def test_internal_operations_need_a_service_token(
    client: httpx.AsyncClient, keys: Path
) -> None:
    assert code(await client.get("/variants")) == (401, "service_token_required")
    assert code(await client.get("/variants", headers=user())) == (401, "service_token_required")
    as_service = {"Service-Authorization": user()["Authorization"]}
    assert code(await client.get("/variants", headers=as_service))[0] == 401
    for_another = service(keys, "order", "cart")
    assert code(await client.get("/variants", headers=for_another))[0] == 401


async def test_a_blanked_service_token_claims_nothing(client: httpx.AsyncClient) -> None:
    """Gateways that cannot remove `Service-Authorization` blank it on every request."""
    empty = {"Service-Authorization": ""}
    assert (await client.get("/orders", headers=user() | empty)).status_code == 200
    assert (await client.get("/products", headers=empty)).json() == "guest"
    assert code(await client.get("/variants", headers=empty)) == (401, "service_token_required")


async def test_a_service_token_opens_no_user_operation(
    client: httpx.AsyncClient, keys: Path
) -> None:
    token = service(keys, "order")["Service-Authorization"]
    assert code(await client.get("/orders", headers={"Authorization": token}))[0] == 401


@pytest.mark.parametrize("me", ["cart"], indirect=True)
async def test_a_row_that_says_so_also_needs_the_users_token(
    client: httpx.AsyncClient, keys: Path
) -> None:
    headers = service(keys, "order", "cart")
    assert code(await client.get("/cart", headers=headers)) == (401, "authentication_required")
    response = await client.get("/cart", headers={**headers, **user()})
    assert response.json() == "order for usr_1"


@pytest.mark.parametrize("me", ["user"], indirect=True)
async def test_a_service_acting_for_a_user_must_be_listed(
    client: httpx.AsyncClient, keys: Path
) -> None:
    allowed = {**service(keys, "order", "user"), **user()}
    assert (await client.get("/address", headers=allowed)).status_code == 200
    unlisted = {**service(keys, "cart", "user"), **user()}
    assert code(await client.get("/address", headers=unlisted)) == (403, "caller_not_allowed")
    forged = {"Service-Authorization": "Bearer x.y.z", **user()}
    assert code(await client.get("/address", headers=forged)) == (401, "service_token_required")


async def test_each_caller_has_an_allowance_and_hears_of_it(
    client: httpx.AsyncClient, keys: Path
) -> None:
    for left in reversed(range(20)):
        response = await client.get("/orders", headers=user())
        assert response.status_code == 200
        assert response.headers["RateLimit-Policy"] == '"default";q=20;w=60'
        assert response.headers["RateLimit"].startswith(f'"default";r={left};t=')
    refused = await client.get("/orders", headers=user())

    assert code(refused) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["RateLimit"].startswith('"default";r=0;t=')
    assert (await client.get("/orders", headers=user(sub="usr_2"))).status_code == 200
    assert (await client.get("/products")).status_code == 200
    assert (await client.get("/variants", headers=service(keys, "order"))).status_code == 200


async def test_strangers_and_forgers_share_their_addresss_allowance(
    client: httpx.AsyncClient,
) -> None:
    for number in range(20):
        forged = {"Authorization": f"Bearer a.b.{number}", "Service-Authorization": "Bearer a.b.c"}
        assert (await client.get("/orders", headers=forged)).status_code == 401
    assert (await client.get("/products")).status_code == 429
    assert (await client.get("/missing")).status_code == 429
    assert (await client.get("/livez")).status_code == 200


async def test_operations_describe_what_they_need(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert paths["/orders"]["get"]["security"] == [{"userToken": []}]
    assert paths["/variants"]["get"]["security"] == [{"serviceToken": []}]
    assert "security" not in paths["/livez"]["get"]
