"""The cache's users may do what libs/cache does, on a real Valkey with the access strings Terraform plans; and no more."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import redis.asyncio as redis_asyncio
from redis.exceptions import NoPermissionError

from deploy.terraform.layout import Place
from libs.cache.hints import Hints
from libs.cache.rate_limit import Policy, RateLimiter
from libs.cache.redis import open_redis
from libs.cache.responses import ByteCache, CachedBody
from libs.cache.sessions import SessionRecord, SessionStore
from libs.testing.waiting import eventually
from libs.topology import SERVICES
from tests.terraform.sandbox import Sandbox

NOW = datetime.now(UTC)  # noqa: TID251 - Valkey counts by the machine's clock
RECORD = SessionRecord(
    session_id="s1",
    user_id="u1",
    home_region="us-east-1",
    client_id="web",
    created_at=NOW,
    auth_time=NOW,
)


async def send(client: redis_asyncio.Redis, *command: str) -> None:
    """Send a command as it is written."""
    await client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis gives it no types


@pytest.fixture(scope="module")
def access_strings(sandbox: Sandbox) -> dict[str, str]:
    """What the data stack plans for each service's user."""
    changes = sandbox.plan(Place("prod", "us-east-1", "data"))["resource_changes"]
    return {
        change["index"]: change["change"]["after"]["access_string"]
        for change in changes
        if change["type"] == "aws_elasticache_user"
    }


@pytest.fixture(params=SERVICES)
async def client(
    request: pytest.FixtureRequest, access_strings: dict[str, str], redis_url: str
) -> AsyncIterator[redis_asyncio.Redis]:
    """A connection as a service's user."""
    service = request.param
    admin = open_redis(redis_url)
    rules = access_strings[service].split()
    await send(admin, "ACL", "SETUSER", service, "reset", ">password", *rules)
    await admin.set("foreign", "1")
    user = open_redis(redis_url.replace("redis://", f"redis://{service}:password@"))
    user.service = service  # type: ignore[attr-defined]  # read by the tests below
    yield user
    await user.aclose()
    await send(admin, "ACL", "DELUSER", service)
    await admin.aclose()


async def test_a_service_limits_caches_and_hints(client: redis_asyncio.Redis) -> None:
    limiter, policy = RateLimiter(client), Policy("login", 1, 60)
    assert (await limiter.take("someone", policy)).allowed
    assert not (await RateLimiter(client).take("someone", policy)).allowed

    async def load() -> CachedBody:
        return CachedBody(b"answer", '"1"')

    async def nothing() -> CachedBody:
        raise AssertionError("the answer is in Redis")

    await ByteCache(client).get_or_load("catalogue", load, 30, 60)
    found = await ByteCache(client).get_or_load("catalogue", nothing, 30, 60)
    assert found.body == b"answer"
    await ByteCache(client).invalidate("catalogue")
    assert (await ByteCache(client).get_or_load("catalogue", load, 30, 60)).body == b"answer"

    hints = Hints(client)
    with hints.subscribe("orders").watch("ord_1") as watch:
        await eventually(hints.listening.is_set)
        Hints(client).publish("orders", "ord_1")
        assert await watch.wait(5)
    await hints.close()


async def test_a_service_checks_sessions_and_auth_keeps_them(client: redis_asyncio.Redis) -> None:
    store = SessionStore(client)
    await store.check()
    if client.service == "auth":  # type: ignore[attr-defined]  # set by the fixture
        await store.put("s1", RECORD, 60, NOW + timedelta(hours=1))
        assert await store.list_for("u1") == [RECORD]
        assert await store.get("s1") == RECORD
        await store.delete("s1")
    assert await store.get("s1") is None


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "foreign"),
        ("SET", "foreign", "2"),
        ("FLUSHALL",),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("EVAL", "return redis.call('GET', 'foreign')", "0"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
async def test_a_service_touches_no_other_key_and_administers_nothing(
    client: redis_asyncio.Redis, command: tuple[str, ...]
) -> None:
    with pytest.raises(Exception, match=r"NOPERM|[Nn]o permission|can't access"):
        await send(client, *command)


async def test_only_auth_lists_a_users_sessions(client: redis_asyncio.Redis) -> None:
    if client.service == "auth":  # type: ignore[attr-defined]  # set by the fixture
        assert await client.smembers("sessions-of:{x}") == set()
        return
    with pytest.raises(NoPermissionError):
        await client.smembers("sessions-of:{x}")
