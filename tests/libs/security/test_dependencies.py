"""What a user's token opens: operations with a scope, with a live session, for everybody."""

from datetime import timedelta

import httpx
import pytest
import redis.asyncio as redis_asyncio

from libs.cache.sessions import SessionRecord, SessionStore
from libs.clock import utc_now
from tests.libs.security.guarded import code, user


async def begin_session(redis: redis_asyncio.Redis, subject: str = "usr_1") -> None:
    """Record a live session of the user whom tokens name, or of somebody else."""
    now = utc_now()
    record = SessionRecord(
        session_id="ses_1",
        user_id=subject,
        home_region="us-east-1",
        client_id="storefront",
        created_at=now,
        auth_time=now,
    )
    await SessionStore(redis).put("ses_1", record, 60, now + timedelta(hours=1))


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

    await begin_session(redis)
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

    await begin_session(redis)
    assert (await client.get(path, headers=staff)).status_code == 200


async def test_without_redis_money_is_503_and_reading_goes_on(
    client: httpx.AsyncClient, redis: redis_asyncio.Redis
) -> None:
    redis.connection_pool.connection_kwargs["port"] = 1
    await redis.connection_pool.disconnect()

    assert code(await client.post("/orders", headers=user())) == (503, "session_store_unavailable")
    assert (await client.get("/orders", headers=user())).status_code == 200


async def test_operations_describe_what_they_need(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert paths["/orders"]["get"]["security"] == [{"userToken": []}]
    assert paths["/variants"]["get"]["security"] == [{"serviceToken": []}]
    assert "security" not in paths["/livez"]["get"]
