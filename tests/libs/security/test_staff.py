"""What staff may do takes a second factor; without one they are customers."""

import httpx
import pytest
import redis.asyncio as redis_asyncio

from libs.security.principal import ACR_MFA, ACR_PASSWORD
from libs.security.scopes import CUSTOMER_SCOPES, IDENTITY_SCOPES, takes_second_factor
from tests.libs.security.guarded import code, user
from tests.libs.security.test_dependencies import begin_session
from tests.libs.security.test_step_up import seconds_ago

STAFF = {"roles": ["customer", "admin"], "scope": "orders:read orders:write orders:admin"}
OPERATIONS = [("POST", "/parcels"), ("POST", "/returns"), ("GET", "/books")]


@pytest.fixture
async def shop(client: httpx.AsyncClient, redis: redis_asyncio.Redis) -> httpx.AsyncClient:
    await begin_session(redis)
    return client


@pytest.mark.parametrize("acr", [ACR_PASSWORD, None, "urn:meridian:acr:other", f"{ACR_MFA} "])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_staff_without_a_second_factor_are_told_to_show_one(
    shop: httpx.AsyncClient, method: str, path: str, acr: str | None
) -> None:
    refused = await shop.request(method, path, headers=user(**STAFF, acr=acr))
    assert code(refused) == (401, "staff_second_factor_required")
    challenge = refused.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer error="insufficient_user_authentication"')
    assert f'acr_values="{ACR_MFA}"' in challenge


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_staff_with_a_second_factor_are_let_in(
    shop: httpx.AsyncClient, method: str, path: str
) -> None:
    claims = {**STAFF, "acr": ACR_MFA, "second_factor": True, "auth_time": seconds_ago(0)}
    response = await shop.request(method, path, headers=user(**claims))
    assert (response.status_code, response.json()) == (200, "usr_1")


@pytest.mark.parametrize(
    ("enrolled", "told"), [(False, "has no second factor yet"), (True, "Show your second factor")]
)
async def test_the_refusal_says_what_to_do(
    shop: httpx.AsyncClient, *, enrolled: bool, told: str
) -> None:
    claims = {**STAFF, "acr": ACR_PASSWORD, "second_factor": enrolled}
    refused = await shop.post("/parcels", headers=user(**claims))
    assert told in refused.json()["detail"]


async def test_without_it_staff_can_do_what_customers_can(shop: httpx.AsyncClient) -> None:
    claims = {**STAFF, "acr": ACR_PASSWORD}
    assert (await shop.get("/orders", headers=user(**claims))).status_code == 200
    assert (await shop.post("/orders", headers=user(**claims))).status_code == 200


async def test_without_it_staff_do_not_see_what_only_staff_see(shop: httpx.AsyncClient) -> None:
    weak = await shop.get("/drafts", headers=user(**STAFF, acr=ACR_PASSWORD))
    strong = await shop.get("/drafts", headers=user(**STAFF, acr=ACR_MFA))
    assert (weak.json(), strong.json()) == (False, True)


async def test_a_customer_is_not_told_that_a_second_factor_would_help(
    shop: httpx.AsyncClient,
) -> None:
    refused = await shop.post("/parcels", headers=user(scope="orders:write", acr=ACR_PASSWORD))
    assert code(refused) == (403, "insufficient_scope")


async def test_an_application_that_acts_for_itself_has_no_second_factor_to_show(
    client: httpx.AsyncClient, redis: redis_asyncio.Redis
) -> None:
    await begin_session(redis, subject="warehouse")
    itself = {"sub": "warehouse", "client_id": "warehouse", "scope": "orders:admin"}
    assert (await client.post("/parcels", headers=user(**itself))).status_code == 200
    recent = await client.post("/returns", headers=user(**itself))
    assert code(recent) == (401, "insufficient_user_authentication"), "nobody can have proved it"


def test_a_scope_nobody_has_listed_takes_a_second_factor() -> None:
    assert takes_second_factor("refunds:write")
    assert not any(map(takes_second_factor, (*CUSTOMER_SCOPES, *IDENTITY_SCOPES)))
