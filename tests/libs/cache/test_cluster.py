"""Everything that uses Redis works on a cluster too: three shards of three real Valkeys."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial

import pytest
import redis.asyncio as redis_asyncio

from libs.cache.cluster import ClusterRedis
from libs.cache.failures import REDIS_FAILURES
from libs.cache.hints import Hints
from libs.cache.rate_limit import Policy, RateLimiter
from libs.cache.redis import holder_of, open_redis
from libs.cache.responses import ByteCache, CachedBody
from libs.cache.sessions import SessionStore
from libs.clock import utc_now
from libs.testing.servers import REDIS_PATIENCE
from libs.testing.valkey import ValkeyCluster, running_cluster, valkey_server
from libs.testing.waiting import eventually
from tests.libs.cache.test_sessions import HOUR, record

INCREMENT = "return redis.call('INCR', KEYS[1])"
COUNT = 30


@pytest.fixture(scope="module")
def cluster() -> Iterator[ValkeyCluster]:
    with running_cluster() as running:
        yield running


@pytest.fixture
async def redis(cluster: ValkeyCluster) -> AsyncIterator[redis_asyncio.Redis]:
    client = open_redis(cluster.url, REDIS_PATIENCE)
    yield client
    await client.aclose()


async def test_sessions_of_every_shard_are_kept_found_listed_and_ended(
    redis: redis_asyncio.Redis,
) -> None:
    store, end = SessionStore(redis), utc_now() + timedelta(days=1)
    await store.check()
    kept = [record(f"ses_{number}", "usr_many") for number in range(COUNT)]
    for one in kept:
        await store.put(one.session_id, one, HOUR, end)

    assert [await store.get(one.session_id) for one in kept] == kept
    assert len(await store.list_for("usr_many")) == COUNT
    for one in kept:
        await store.delete(one.session_id)
    assert [await store.get(one.session_id) for one in kept] == [None] * COUNT
    assert await store.list_for("usr_many") == []


async def test_processes_share_the_allowance_of_every_key(cluster: ValkeyCluster) -> None:
    clients = [open_redis(cluster.url, REDIS_PATIENCE) for _ in range(3)]
    limiters = [RateLimiter(client, "cart") for client in clients]
    policy = Policy("shared", 10, 3600)

    async def spend(key: str) -> int:
        decisions = [await limiters[turn % 3].take(key, policy) for turn in range(15)]
        return sum(decision.allowed for decision in decisions)

    spent = await asyncio.gather(*(spend(f"caller-{number}") for number in range(COUNT)))
    assert spent == [10] * COUNT
    for client in clients:
        await client.aclose()


async def test_answers_are_cached_and_forgotten(redis: redis_asyncio.Redis) -> None:
    loads: list[str] = []

    async def get(key: str) -> bytes:
        async def load() -> CachedBody:
            loads.append(key)
            return CachedBody(key.encode(), '"1"')

        found = await ByteCache(redis, "product").get_or_load(key, load, 60, 120)
        return found.body

    keys = [f"list-{number}" for number in range(COUNT)]
    assert [await get(key) for key in keys * 2] == [key.encode() for key in keys * 2]
    assert loads == keys
    await ByteCache(redis, "product").invalidate(*keys)
    assert await get(keys[0]) == keys[0].encode()
    assert len(loads) == COUNT + 1


async def test_a_hint_given_at_any_node_is_heard_at_any_other(redis: redis_asyncio.Redis) -> None:
    hints = Hints(redis, "order")
    subscription = hints.subscribe("orders")
    await eventually(hints.listening.is_set)
    for _ in range(10):
        with subscription.watch("ord_1") as watch:
            told = Hints(redis, "order")
            told.publish("orders", "ord_1")
            await told.close()
            await eventually(partial(watch.wait, 1))
    await hints.close()


async def test_a_storm_of_cancelled_commands_never_mixes_up_replies(
    redis: redis_asyncio.Redis,
) -> None:
    for number in range(COUNT):
        await redis.set(f"key-{number}", f"value-{number}")

    async def read(number: int) -> bool:
        return await redis.get(f"key-{number}") == f"value-{number}".encode()

    for _ in range(20):
        tasks = [asyncio.create_task(read(number)) for number in range(COUNT)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(outcome is False for outcome in outcomes)
        assert all([await read(number) for number in range(0, COUNT, 5)])


async def test_who_asks_while_the_map_is_fetched_may_give_up_without_harm(
    cluster: ValkeyCluster,
) -> None:
    client = open_redis(cluster.url, REDIS_PATIENCE)

    async def read(key: str) -> object:
        return await client.get(key)

    impatient, patient = (asyncio.create_task(read(key)) for key in ("key-1", "key-2"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == await read("key-2")
    assert impatient.cancelled()
    await client.aclose()


async def test_a_key_on_its_way_to_another_node_is_found_at_either(
    cluster: ValkeyCluster, redis: redis_asyncio.Redis
) -> None:
    source, target = cluster.shards[0][0], cluster.shards[1][0]
    key = next(f"moving-{n}" for n in range(100) if cluster.shard_of(f"moving-{n}") == 0)
    slot = int(str(source.ask("CLUSTER", "KEYSLOT", key)))
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.name)
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.name)
    try:
        assert await redis.eval(INCREMENT, 1, key) == 1
        assert await redis.eval(INCREMENT, 1, key) == 2
    finally:
        source.ask("CLUSTER", "SETSLOT", slot, "STABLE")
        target.ask("CLUSTER", "SETSLOT", slot, "STABLE")


async def test_after_a_planned_failover_callers_are_sent_on_and_the_map_is_learnt(
    cluster: ValkeyCluster, redis: redis_asyncio.Redis
) -> None:
    key = next(f"sent-{n}" for n in range(100) if cluster.shard_of(f"sent-{n}") == 2)
    await redis.set(key, "1")
    before = holder_of(redis)(key)
    cluster.shards[2][1].ask("CLUSTER", "FAILOVER")

    async def moved() -> bool:
        assert await redis.get(key) == b"1"
        return holder_of(redis)(key) != before

    await eventually(moved)
    assert holder_of(redis)(key) == f"127.0.0.1:{cluster.shards[2][1].port}"


async def test_a_script_without_an_answer_is_not_run_a_second_time() -> None:
    with valkey_server({"cluster-enabled": "yes", "cluster-announce-ip": "127.0.0.1"}) as server:
        server.ask("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        client = open_redis(f"redis+cluster://127.0.0.1:{server.port}", 0.5)
        await eventually(lambda: _answers(client))
        server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(REDIS_FAILURES):
            await client.eval(INCREMENT, 1, "key")
        server.process.send_signal(signal.SIGCONT)
        patient = open_redis(f"redis+cluster://127.0.0.1:{server.port}", REDIS_PATIENCE)
        assert await patient.eval(INCREMENT, 1, "key") == 2
        for one in (client, patient):
            await one.aclose()


async def test_a_cluster_that_is_away_is_a_failure_and_needs_no_restart() -> None:
    client = open_redis("redis+cluster://127.0.0.1:9")
    assert isinstance(client, ClusterRedis)
    assert client.holder_of("key") == ""
    with pytest.raises(REDIS_FAILURES):
        await client.get("key")
    with pytest.raises(REDIS_FAILURES):
        await client.ping()
    await client.aclose()


async def _answers(client: redis_asyncio.Redis) -> bool:
    try:
        return bool(await client.set("another", "1"))
    except REDIS_FAILURES:
        return False
