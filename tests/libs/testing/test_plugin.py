from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from libs.cache.redis import open_redis
from libs.cache.sessions import SessionStore
from libs.database.session import Database
from libs.errors import DomainError
from libs.messaging.broker import AwsBroker
from libs.security.service_tokens import ServiceVerifier
from libs.security.tokens import JwksCache, TokenVerifier
from libs.testing.plugin import StartApp
from libs.testing.tokens import AUDIENCE, ISSUER, Issuer, TokenFactory


@pytest.fixture(scope="module")
def seen_prefixes() -> list[str]:
    return []


async def test_the_scratch_database_is_real_and_empty(scratch_database: Database) -> None:
    async with scratch_database.transaction() as session:
        version = await session.scalar(text("SHOW server_version_num"))
        tables = await session.scalar(
            text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        )
    assert int(str(version)) >= 170000
    assert tables == 0


async def test_the_emulator_answers(aws_endpoint_url: str) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{aws_endpoint_url}/_ministack/health")).status_code == 200


async def test_the_topology_exists_under_the_prefix_of_the_test(
    topology: AwsBroker, messaging_prefix: str
) -> None:
    found = await topology.sqs.list_queues(QueueNamePrefix=messaging_prefix)
    assert f"{messaging_prefix}-order-inbox" in str(found["QueueUrls"])


async def test_applications_are_started_and_asked_in_this_process(client_for: StartApp) -> None:
    client = await client_for(FastAPI())
    assert (await client.get("/openapi.json")).status_code == 200


async def test_a_token_of_the_factory_passes_the_services_own_check(
    token_factory: TokenFactory, issuer: Issuer
) -> None:
    async with httpx.AsyncClient() as http:
        verifier = TokenVerifier(JwksCache(issuer.jwks_url, http), ISSUER, AUDIENCE)
        customer = await verifier.verify(token_factory(subject="usr_1"))
        admin = await verifier.verify(token_factory.admin())
        with pytest.raises(DomainError):
            await verifier.verify(token_factory(exp=1))
        with pytest.raises(DomainError):
            await verifier.verify(token_factory(client_id=None, session=False))
    assert customer.subject == "usr_1"
    assert customer.has("orders:write")
    assert not customer.has("orders:admin")
    assert admin.has("orders:admin")


@pytest.mark.parametrize("live", [True, False])
async def test_a_session_lives_only_if_asked_for(
    token_factory: TokenFactory, redis_url: str, *, live: bool
) -> None:
    token_factory(sid="ses_1", session=live)
    redis = open_redis(redis_url)
    assert (await SessionStore(redis).get("ses_1") is not None) is live
    await redis.aclose()


def test_service_tokens_name_caller_and_callee(
    service_token: Callable[[str, str], str], service_keys: Path
) -> None:
    verifier = ServiceVerifier(service_keys / "trust-bundle.json", "product")
    assert verifier.verify(service_token("order", "product")) == "order"
    with pytest.raises(DomainError):
        verifier.verify(service_token("order", "cart"))


@pytest.mark.parametrize("_", [1, 2])
def test_every_test_has_a_messaging_prefix_of_its_own(
    messaging_prefix: str, seen_prefixes: list[str], _: int
) -> None:
    assert messaging_prefix not in seen_prefixes
    seen_prefixes.append(messaging_prefix)
