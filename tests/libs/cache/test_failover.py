"""A shard loses its primary under load: the others do not notice, and nobody is let in who was not."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import cast

import redis.asyncio as redis_asyncio

from libs.cache.rate_limit import Policy, RateLimiter
from libs.cache.redis import open_redis
from libs.cache.sessions import SessionStore, session_key
from libs.clock import utc_now
from libs.testing.servers import REDIS_PATIENCE
from libs.testing.valkey import REPLICAS, ValkeyCluster, ValkeyServer, running_cluster
from libs.testing.waiting import eventually
from tests.libs.cache.cluster import Load, asking
from tests.libs.cache.test_sessions import HOUR, record

SESSIONS = 30
POLICY = Policy("failover", 5, 3600)


async def filled(cluster: ValkeyCluster, store: SessionStore) -> None:
    """Store sessions, and end some of them, where every replica has heard of it."""
    end = utc_now() + timedelta(days=1)
    for number in range(SESSIONS):
        for kind in ("kept", "ended"):
            one = record(f"{kind}_{number}")
            await store.put(one.session_id, one, HOUR, end)
        await store.delete(f"ended_{number}")
    for primary, *_ in cluster.shards:
        await eventually(partial(_has_told_its_replicas, primary))


def _has_told_its_replicas(primary: ValkeyServer) -> bool:
    role, offset, replicas = cast("tuple[bytes, int, list[list[bytes]]]", primary.ask("ROLE"))
    return role == b"master" and [int(one[2]) for one in replicas] == [offset] * REPLICAS


async def test_a_killed_primary_costs_its_own_shard_a_moment_and_lets_nobody_in() -> None:
    with running_cluster() as cluster:
        client = open_redis(cluster.url, REDIS_PATIENCE)
        store = SessionStore(client)
        await filled(cluster, store)
        victim = cluster.shards[0][0]
        kept = [f"kept_{number}" for number in range(SESSIONS)]
        hit = [one for one in kept if cluster.shard_of(session_key(one)) == 0]
        spared = [one for one in kept if one not in hit]
        assert hit
        assert spared
        lost, safe = Load(store, hit), Load(store, spared)
        gone = Load(store, [f"ended_{number}" for number in range(SESSIONS)])
        async with asking(lost, safe, gone):
            await eventually(lambda: lost.found > 0 and safe.found > 0 and gone.missed > 0)
            await asyncio.to_thread(victim.kill)
            await eventually(lambda: lost.unavailable > 0)
            found_before, safe_before = lost.found, safe.found
            await limits_hold(client, hit + spared)
            await eventually(lambda: lost.found > found_before + len(hit), timeout=60)
            await eventually(lambda: safe.found > safe_before)
        assert (safe.unavailable, safe.missed) == (0, 0)
        assert lost.missed == 0
        assert gone.found == 0
        await client.aclose()


async def limits_hold(client: redis_asyncio.Redis, keys: list[str]) -> None:
    """Whether a key's shard is there or not, its caller has no more than the allowance."""
    limiter = RateLimiter(client, "cart")
    for key in keys:
        allowed = [(await limiter.take(key, POLICY)).allowed for _ in range(2 * POLICY.limit)]
        assert POLICY.limit <= sum(allowed) <= 2 * POLICY.limit
