"""Each service's user of Redis may do what libs/cache does with its own keys, and nothing else."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import redis.asyncio as redis_asyncio
from redis.exceptions import AuthenticationError, NoPermissionError

from libs.cache.access import acl_file
from libs.cache.hints import Hints
from libs.cache.rate_limit import Policy, RateLimiter
from libs.cache.redis import open_redis
from libs.cache.responses import ByteCache, CachedBody
from libs.cache.sessions import SessionStore, SessionStoreUnavailable, session_key
from libs.clock import utc_now
from libs.testing.servers import REDIS_PATIENCE
from libs.testing.valkey import valkey_server
from libs.testing.waiting import eventually
from libs.topology import SERVICES
from tests.libs.cache.test_sessions import HOUR, record

PASSWORDS = {service: f"password-of-{service}" for service in SERVICES}
OTHERS = [service for service in SERVICES if service != "auth"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("acl") / "users.acl"
    file.write_text(acl_file(PASSWORDS))
    with valkey_server({"aclfile": str(file)}, user="auth", password=PASSWORDS["auth"]) as server:
        yield f"127.0.0.1:{server.port}"


def connect(address: str, service: str) -> redis_asyncio.Redis:
    return open_redis(f"redis://{service}:{PASSWORDS[service]}@{address}", REDIS_PATIENCE)


@pytest.fixture
async def auth(address: str) -> AsyncIterator[redis_asyncio.Redis]:
    client = connect(address, "auth")
    yield client
    await client.aclose()


@pytest.fixture
async def client(address: str, service: str) -> AsyncIterator[redis_asyncio.Redis]:
    client = connect(address, service)
    yield client
    await client.aclose()


async def send(client: redis_asyncio.Redis, *command: str) -> None:
    """Send a command as it is written."""
    await client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis gives it no types


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_limits_caches_and_hints(client: redis_asyncio.Redis, service: str) -> None:
    policy = Policy("login", 1, 3600)
    assert (await RateLimiter(client, service).take("someone", policy)).allowed
    assert not (await RateLimiter(client, service).take("someone", policy)).allowed

    loads: list[str] = []

    async def load() -> CachedBody:
        loads.append(service)
        return CachedBody(b"answer", '"1"')

    for _ in range(2):
        await ByteCache(client, service).get_or_load("catalogue", load, 30, 60)
    assert loads == [service]
    await ByteCache(client, service).invalidate("catalogue")
    await ByteCache(client, service).get_or_load("catalogue", load, 30, 60)
    assert loads == [service] * 2

    hints = Hints(client, service)
    with hints.subscribe("orders").watch("ord_1") as watch:
        await eventually(hints.listening.is_set)
        Hints(client, service).publish("orders", "ord_1")
        assert await eventually(lambda: watch.wait(1))
    await hints.close()


async def test_auth_keeps_sessions(auth: redis_asyncio.Redis) -> None:
    store, kept = SessionStore(auth), record()
    await store.check()
    await store.put("ses_1", kept, HOUR, utc_now() + timedelta(days=1))
    assert await store.list_for("usr_1") == [kept]
    assert await store.get("ses_1") == kept
    await store.delete("ses_1")
    assert await store.get("ses_1") is None


@pytest.mark.parametrize("service", OTHERS)
async def test_the_others_can_read_a_session_and_neither_make_nor_prolong_nor_end_one(
    client: redis_asyncio.Redis, auth: redis_asyncio.Redis
) -> None:
    end, store = utc_now() + timedelta(days=1), SessionStore(client)
    await SessionStore(auth).put("ses_2", record("ses_2"), HOUR, end)
    await store.check()
    assert await store.get("ses_2") is not None
    for refused in (
        store.put("ses_3", record("ses_3"), HOUR, end),
        store.delete("ses_2"),
        store.list_for("usr_1"),
    ):
        with pytest.raises(SessionStoreUnavailable):
            await refused
    with pytest.raises(NoPermissionError):
        await client.pexpire(session_key("ses_2"), 9)
    with pytest.raises(NoPermissionError):
        await client.eval(
            "return redis.call('HSET', KEYS[1], 'record', '')", 1, session_key("ses_2")
        )
    assert await SessionStore(auth).get("ses_2") is not None
    assert await SessionStore(auth).get("ses_3") is None


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "command",
    [
        ("GET", "foreign"),
        ("SET", "foreign", "2"),
        ("FLUSHALL",),
        ("FLUSHDB",),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("CLIENT", "LIST"),
        ("SCRIPT", "FLUSH"),
        ("SHUTDOWN",),
        ("MONITOR",),
        ("CLUSTER", "NODES"),
        ("EVAL", "return redis.call('GET', 'foreign')", "0"),
        ("EVAL", "return redis.call('KEYS', '*')", "0"),
        ("PUBLISH", "foreign", "x"),
        ("SUBSCRIBE", "hints:*"),
    ],
    ids=lambda command: " ".join(command[:2])[:40],
)
async def test_a_service_touches_no_other_key_and_administers_nothing(
    client: redis_asyncio.Redis, command: tuple[str, ...]
) -> None:
    with pytest.raises(Exception, match=r"NOPERM|[Nn]o permission|can't access|no permissions"):
        await send(client, *command)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reaches_no_other_services_keys(
    client: redis_asyncio.Redis, service: str
) -> None:
    for other in SERVICES:
        if other == service:
            continue
        for name in (f"limit:{other}:{{x}}:login", f"cache:{other}:{{x}}:value"):
            with pytest.raises(NoPermissionError):
                await client.get(name)
            with pytest.raises(NoPermissionError):
                await client.set(name, "x")
        with pytest.raises(NoPermissionError):
            await client.publish(f"hints:{other}:orders", "x")


async def test_nobody_comes_in_without_a_name(address: str) -> None:
    for who in ("", ":x@", "auth:wrong@", "operator:x@"):
        client = open_redis(f"redis://{who}{address}", REDIS_PATIENCE)
        with pytest.raises((AuthenticationError, NoPermissionError)):
            await client.get("limit:auth:x")
        await client.aclose()
