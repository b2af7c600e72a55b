"""Redis over TLS: with the right authority it works as ever, with another or without TLS there is no connection."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from libs.cache.failures import REDIS_FAILURES
from libs.cache.redis import holder_of, open_redis
from libs.cache.sessions import SessionStore, SessionStoreUnavailable
from libs.clock import utc_now
from libs.testing.servers import REDIS_PATIENCE, free_port
from libs.testing.valkey import SHARDS, running_cluster
from tests.authority import Authority, ending_tls
from tests.libs.cache.test_sessions import HOUR, record


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def port(redis_url: str, authority: Authority) -> AsyncIterator[int]:
    port = free_port()
    async with ending_tls(port, urlsplit(redis_url).port or 0, authority.server_context()):
        yield port


async def test_sessions_are_kept_over_tls(port: int, authority: Authority) -> None:
    redis = open_redis(f"rediss://127.0.0.1:{port}/0", REDIS_PATIENCE, authority.ca_file)
    store, kept = SessionStore(redis), record()
    await store.put("ses_1", kept, HOUR, utc_now() + timedelta(days=1))
    assert await store.get("ses_1") == kept
    await redis.aclose()


async def test_a_server_of_another_authority_is_not_trusted(port: int, tmp_path: Path) -> None:
    (tmp_path / "another").mkdir()
    for ca_file in (Authority(tmp_path / "another").ca_file, None):
        redis = open_redis(f"rediss://127.0.0.1:{port}/0", REDIS_PATIENCE, ca_file)
        with pytest.raises(SessionStoreUnavailable):
            await SessionStore(redis).get("ses_1")
        await redis.aclose()


async def test_a_certificate_of_another_host_is_not_trusted(
    port: int, authority: Authority
) -> None:
    redis = open_redis(f"rediss://localhost:{port}/0", REDIS_PATIENCE, authority.ca_file)
    with pytest.raises(REDIS_FAILURES):
        await redis.ping()
    await redis.aclose()


async def test_every_node_of_a_cluster_is_reached_over_tls(authority: Authority) -> None:
    ports = [free_port() for _ in range(SHARDS)]
    announced = [{"cluster-announce-client-port": port} for port in ports]
    with running_cluster(lambda number: announced[number], replicas=0) as cluster:
        async with AsyncExitStack() as stack:
            context = authority.server_context()
            for port, server in zip(ports, cluster.servers, strict=True):
                await stack.enter_async_context(ending_tls(port, server.port, context))
            redis = open_redis(
                f"rediss+cluster://127.0.0.1:{ports[0]}", REDIS_PATIENCE, authority.ca_file
            )
            store, end = SessionStore(redis), utc_now() + timedelta(days=1)
            kept = [record(f"ses_{number}") for number in range(12)]
            for one in kept:
                await store.put(one.session_id, one, HOUR, end)
            assert [await store.get(one.session_id) for one in kept] == kept
            reached = {holder_of(redis)(f"key-{number}") for number in range(50)}
            assert reached == {f"127.0.0.1:{port}" for port in ports}
            await redis.aclose()
