import asyncio

import pytest
import redis.asyncio as redis_asyncio

from libs.cache.rate_limit import Decision, Policy, RateLimiter
from libs.cache.redis import open_redis
from libs.testing.servers import REDIS_PATIENCE

TEN_PER_MINUTE = Policy("test", 10, 60)


async def test_ten_processes_together_admit_exactly_the_limit(redis_url: str) -> None:
    clients = [open_redis(redis_url, REDIS_PATIENCE) for _ in range(10)]
    policy = Policy("burst", 100, 60)

    async def one_process(client: redis_asyncio.Redis) -> list[Decision]:
        limiter = RateLimiter(client, "order")
        rounds = [
            await asyncio.gather(*(limiter.take("key", policy) for _ in range(5)))
            for _ in range(10)
        ]
        return [decision for decisions in rounds for decision in decisions]

    try:
        by_process = await asyncio.gather(*(one_process(client) for client in clients))
    finally:
        for client in clients:
            await client.aclose()

    decisions = [decision for decisions in by_process for decision in decisions]
    assert sum(decision.allowed for decision in decisions) == 100
    assert sorted(d.remaining for d in decisions if d.allowed) == list(range(100))


async def test_keys_and_policies_are_counted_apart(redis: redis_asyncio.Redis) -> None:
    limiter = RateLimiter(redis, "order")
    one = Policy("one", 1, 60)

    assert (await limiter.take("a", one)).allowed
    assert not (await limiter.take("a", one)).allowed
    assert (await limiter.take("b", one)).allowed
    assert (await limiter.take("a", Policy("other", 1, 60))).allowed


async def test_a_cost_above_what_is_left_spends_nothing(redis: redis_asyncio.Redis) -> None:
    limiter = RateLimiter(redis, "order")

    assert (await limiter.take("k", TEN_PER_MINUTE, cost=8)).remaining == 2
    refused = await limiter.take("k", TEN_PER_MINUTE, cost=3)
    assert not refused.allowed
    assert refused.remaining == 2
    assert (await limiter.take("k", TEN_PER_MINUTE, cost=2)).allowed


async def test_waiting_as_long_as_told_is_enough(redis: redis_asyncio.Redis) -> None:
    limiter = RateLimiter(redis, "order")
    policy = Policy("short", 2, 2)
    for _ in range(2):
        assert (await limiter.take("k", policy)).allowed
    refused = await limiter.take("k", policy)
    assert not refused.allowed
    assert 1 <= refused.reset_seconds <= 4

    await asyncio.sleep(refused.reset_seconds)  # the waiting itself is what is promised

    assert (await limiter.take("k", policy)).allowed


async def test_the_previous_window_fades_instead_of_being_forgotten(
    redis: redis_asyncio.Redis,
) -> None:
    limiter = RateLimiter(redis, "order")
    policy = Policy("fade", 10, 60)
    await limiter.take("k", policy, cost=10)
    (key,) = await redis.keys("limit:*")
    start = int(await redis.hget(key, "start") or 0)
    await redis.hset(key, "start", str(start - 90_000))

    decisions = [await limiter.take("k", policy) for _ in range(10)]

    # Half of the second window has passed, so half of the first one still counts.
    assert sum(decision.allowed for decision in decisions) == 5


@pytest.mark.parametrize("present", [True, False])
async def test_a_unit_given_back_can_be_spent_again_but_never_saved_up(
    redis: redis_asyncio.Redis, absent_redis: redis_asyncio.Redis, *, present: bool
) -> None:
    limiter = RateLimiter(redis if present else absent_redis, "order")
    one = Policy("one", 1, 60)
    for _ in range(3):
        await limiter.give_back("k", one)
    assert (await limiter.take("k", one)).allowed
    assert not (await limiter.take("k", one)).allowed

    await limiter.give_back("k", one)
    assert (await limiter.take("k", one)).allowed
    assert not (await limiter.take("k", one)).allowed


async def test_a_long_idle_key_starts_afresh(redis: redis_asyncio.Redis) -> None:
    limiter = RateLimiter(redis, "order")
    await limiter.take("k", TEN_PER_MINUTE, cost=10)
    (key,) = await redis.keys("limit:*")
    await redis.hset(key, "start", "1")

    assert (await limiter.take("k", TEN_PER_MINUTE, cost=10)).allowed


async def test_redis_holds_a_bounded_time_and_no_readable_key(redis: redis_asyncio.Redis) -> None:
    await RateLimiter(redis, "order").take("ada@example.com", TEN_PER_MINUTE)

    (key,) = await redis.keys("*")
    assert b"ada" not in key
    assert 0 < await redis.pttl(key) <= 120_000


async def test_without_redis_each_process_limits_for_itself(
    absent_redis: redis_asyncio.Redis,
) -> None:
    limiter = RateLimiter(absent_redis, "order")

    decisions = [await limiter.take("k", TEN_PER_MINUTE) for _ in range(30)]

    assert sum(decision.allowed for decision in decisions) == 10
    assert decisions[-1].reset_seconds >= 1


async def test_local_buckets_refill_with_time_and_stay_bounded(
    absent_redis: redis_asyncio.Redis,
) -> None:
    now = 0.0
    limiter = RateLimiter(absent_redis, "order", monotonic=lambda: now)
    for _ in range(10):
        await limiter.take("k", TEN_PER_MINUTE)
    assert not (await limiter.take("k", TEN_PER_MINUTE)).allowed

    now = 6.5
    assert (await limiter.take("k", TEN_PER_MINUTE)).allowed

    now = 6.6
    for number in range(10_050):
        await limiter.take(f"key-{number}", TEN_PER_MINUTE)
    assert len(limiter._fallback._buckets) == 10_000


@pytest.mark.parametrize("cost", [1, 7])
async def test_after_a_failure_redis_is_left_alone_for_a_second(
    redis: redis_asyncio.Redis, cost: int
) -> None:
    now = 0.0
    limiter = RateLimiter(redis, "order", monotonic=lambda: now)
    limiter._cooldowns.of("k").failed()

    await limiter.take("k", TEN_PER_MINUTE, cost)
    assert await redis.keys("*") == []

    now = 1.1
    await limiter.take("k", TEN_PER_MINUTE, cost)
    assert len(await redis.keys("*")) == 1


@pytest.mark.parametrize("present", [True, False])
async def test_what_is_cleared_is_there_to_spend_again(
    redis: redis_asyncio.Redis, absent_redis: redis_asyncio.Redis, *, present: bool
) -> None:
    limiter = RateLimiter(redis if present else absent_redis, "order")
    one = Policy("one", 1, 3_600)
    assert [(await limiter.take("k", one)).allowed for _ in range(2)] == [True, False]
    await limiter.clear("k", one)
    assert (await limiter.take("k", one)).allowed
