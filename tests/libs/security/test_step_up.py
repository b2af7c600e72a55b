"""Operations for which the caller must have proved lately who they are."""

from datetime import timedelta

import httpx
import pytest
import redis.asyncio as redis_asyncio

from libs.clock import utc_now
from libs.security.principal import ACR_MFA, ACR_PASSWORD
from tests.libs.security.guarded import code, user
from tests.libs.security.test_dependencies import begin_session


def seconds_ago(seconds: int) -> int:
    return int((utc_now() - timedelta(seconds=seconds)).timestamp())


@pytest.fixture
async def shop(client: httpx.AsyncClient, redis: redis_asyncio.Redis) -> httpx.AsyncClient:
    await begin_session(redis)
    return client


async def test_a_proof_within_five_minutes_is_enough(shop: httpx.AsyncClient) -> None:
    response = await shop.post("/refunds", headers=user(auth_time=seconds_ago(240)))
    assert (response.status_code, response.json()) == (200, "usr_1")


@pytest.mark.parametrize("age", [310, None])
async def test_an_older_proof_is_asked_for_again(shop: httpx.AsyncClient, age: int | None) -> None:
    auth_time = None if age is None else seconds_ago(age)
    response = await shop.post("/refunds", headers=user(auth_time=auth_time))
    assert code(response) == (401, "insufficient_user_authentication")
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer error="insufficient_user_authentication"')
    assert f'acr_values="{ACR_PASSWORD}"' in challenge
    assert 'max_age="300"' in challenge


@pytest.mark.parametrize("acr", [ACR_PASSWORD, None, "urn:meridian:acr:other"])
async def test_whoever_has_a_second_factor_must_have_shown_it(
    shop: httpx.AsyncClient, acr: str | None
) -> None:
    now = {"auth_time": seconds_ago(0), "second_factor": True}
    refused = await shop.post("/refunds", headers=user(**now, acr=acr))
    assert code(refused) == (401, "insufficient_user_authentication")
    assert f'acr_values="{ACR_MFA}"' in refused.headers["WWW-Authenticate"]
    assert (await shop.post("/refunds", headers=user(**now, acr=ACR_MFA))).status_code == 200


async def test_a_strength_can_be_demanded_of_everybody(shop: httpx.AsyncClient) -> None:
    now = seconds_ago(0)
    weak = await shop.post("/roles", headers=user(auth_time=now, acr=ACR_PASSWORD))
    assert code(weak) == (401, "insufficient_user_authentication")
    assert (await shop.post("/roles", headers=user(auth_time=now, acr=ACR_MFA))).status_code == 200


async def test_scope_and_live_session_are_asked_for_first(
    client: httpx.AsyncClient, redis: redis_asyncio.Redis
) -> None:
    stale = seconds_ago(310)
    assert code(await client.post("/refunds", headers=user(auth_time=stale, scope="")))[0] == 403
    assert code(await client.post("/refunds", headers=user())) == (401, "session_ended")


@pytest.mark.parametrize("claims", [{"amr": "pwd"}, {"amr": [1]}, {"acr": 2}])
async def test_claims_of_another_shape_make_no_token(
    shop: httpx.AsyncClient, claims: dict[str, object]
) -> None:
    assert code(await shop.post("/refunds", headers=user(**claims))) == (401, "invalid_token")
