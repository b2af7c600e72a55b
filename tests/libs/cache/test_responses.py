import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import redis.asyncio as redis_asyncio

from libs.cache.responses import LARGEST_BODY_BYTES, ByteCache, CachedBody
from libs.testing.waiting import eventually


class Origin:
    """Counts its reads, can be slow and can fail."""

    def __init__(self) -> None:
        self.reads = 0
        self.failing = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    async def load(self) -> CachedBody:
        self.reads += 1
        read = self.reads
        self.begun.set()
        await self.gate.wait()
        if self.failing:
            raise RuntimeError("origin is away")
        return CachedBody(f"answer {read}".encode(), f'"{read}"')


class Hands:
    """A clock and a monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def origin() -> Origin:
    return Origin()


@pytest.fixture
def hands() -> Hands:
    return Hands()


def cache_of(redis: redis_asyncio.Redis, hands: Hands, patience: float = 60) -> ByteCache:
    return ByteCache(
        redis, "product", clock=hands, monotonic=hands.monotonic, patience_seconds=patience
    )


async def test_a_second_process_is_served_from_redis(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    first = await cache_of(redis, hands).get_or_load("k", origin.load, 30, 300)
    second = await cache_of(redis, hands).get_or_load("k", origin.load, 30, 300)

    assert first == second == CachedBody(b"answer 1", '"1"')
    assert origin.reads == 1


async def test_a_thousand_clients_on_one_cold_key_cause_one_read(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    cache = cache_of(redis, hands)

    answers = await asyncio.gather(
        *(cache.get_or_load("k", origin.load, 30, 300) for _ in range(1000))
    )

    assert set(answers) == {CachedBody(b"answer 1", '"1"')}
    assert origin.reads == 1


async def test_memory_is_trusted_for_a_second_only(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    cache = cache_of(redis, hands)
    await cache.get_or_load("k", origin.load, 30, 300)
    await redis.flushall()

    await cache.get_or_load("k", origin.load, 30, 300)
    assert origin.reads == 1
    hands.seconds += 1.1
    await cache.get_or_load("k", origin.load, 30, 300)
    assert origin.reads == 2


async def test_after_the_soft_time_one_asks_and_the_others_get_the_old_answer(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    one, other = cache_of(redis, hands), cache_of(redis, hands)
    await one.get_or_load("k", origin.load, 30, 300)
    hands.seconds += 31
    origin.gate.clear()
    origin.begun.clear()

    asking = asyncio.create_task(one.get_or_load("k", origin.load, 30, 300))
    await origin.begun.wait()
    stale = await other.get_or_load("k", origin.load, 30, 300)
    origin.gate.set()

    assert stale.body == b"answer 1"
    assert (await asking).body == b"answer 2"


async def test_a_failing_origin_is_covered_by_the_stale_answer(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    cache = cache_of(redis, hands)
    await cache.get_or_load("k", origin.load, 30, 300)
    hands.seconds += 31
    origin.failing = True

    assert (await cache.get_or_load("k", origin.load, 30, 300)).body == b"answer 1"


async def test_a_slow_origin_is_covered_by_the_stale_answer_and_refreshes_it_later(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    cache = cache_of(redis, hands, patience=0.05)
    await cache.get_or_load("k", origin.load, 30, 300)
    hands.seconds += 31
    origin.gate.clear()

    assert (await cache.get_or_load("k", origin.load, 30, 300)).body == b"answer 1"
    origin.gate.set()
    await eventually(lambda: not cache._refreshing)
    hands.seconds += 2
    assert (await cache.get_or_load("k", origin.load, 30, 300)).body == b"answer 2"


async def test_a_failing_origin_without_anything_stale_is_the_callers_failure(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    cache = cache_of(redis, hands)
    origin.failing = True

    outcomes = await asyncio.gather(
        *(cache.get_or_load("k", origin.load, 30, 300) for _ in range(3)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [RuntimeError] * 3
    assert origin.reads == 1

    origin.failing = False
    assert (await cache.get_or_load("k", origin.load, 30, 300)).body == b"answer 2"


async def test_absence_is_remembered_for_a_short_time(
    redis: redis_asyncio.Redis, hands: Hands
) -> None:
    reads = 0

    async def nothing() -> CachedBody | None:
        nonlocal reads
        reads += 1
        return None

    for _ in range(3):
        assert await cache_of(redis, hands).get_or_load("k", nothing, 30, 300) is None
    assert reads == 1
    hands.seconds += 6
    assert await cache_of(redis, hands).get_or_load("k", nothing, 30, 300) is None
    assert reads == 2


@pytest.mark.parametrize(
    "poison",
    [
        b"",
        b"\x80\x04\x95pickle",
        b"{}\nbody",
        b"[]\nbody",
        b"null\n",
        b'{"magic": "meridian-cache-1", "key": "other", "etag": "x", "fresh_until": 9e99, "sha256": ""}\nb',
        b"[" * 100_000,
    ],
)
async def test_a_poisoned_value_is_a_miss(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin, poison: bytes
) -> None:
    await redis.set("cache:product:{k}:value", poison)

    assert (await cache_of(redis, hands).get_or_load("k", origin.load, 30, 300)).body == b"answer 1"


async def test_a_value_copied_to_another_key_or_cut_short_is_a_miss(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    await cache_of(redis, hands).get_or_load("a", origin.load, 30, 300)
    raw = await redis.get("cache:product:{a}:value")
    assert raw is not None
    await redis.set("cache:product:{b}:value", raw)
    await redis.set("cache:product:{a}:value", raw[:-1])

    for key in ("a", "b"):
        await cache_of(redis, hands).get_or_load(key, origin.load, 30, 300)
    assert origin.reads == 3


async def test_a_key_of_the_wrong_kind_is_a_miss(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    await redis.lpush("cache:product:{k}:value", "x")

    assert (await cache_of(redis, hands).get_or_load("k", origin.load, 30, 300)).body == b"answer 1"


async def test_a_huge_answer_is_served_but_not_kept(
    redis: redis_asyncio.Redis, hands: Hands
) -> None:
    async def huge() -> CachedBody:
        return CachedBody(b"x" * (LARGEST_BODY_BYTES + 1), '"h"')

    await cache_of(redis, hands).get_or_load("k", huge, 30, 300)
    assert await redis.exists("cache:product:{k}:value") == 0


async def test_invalidation_reaches_redis_and_this_process_at_once(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    cache = cache_of(redis, hands)
    await cache.get_or_load("k", origin.load, 30, 300)
    await cache.invalidate("k", "unknown")

    assert (await cache.get_or_load("k", origin.load, 30, 300)).body == b"answer 2"


@pytest.mark.parametrize("same_process", [True, False])
async def test_a_load_older_than_an_invalidation_is_not_kept(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin, *, same_process: bool
) -> None:
    cache = cache_of(redis, hands)
    origin.gate.clear()
    loading = asyncio.create_task(cache.get_or_load("k", origin.load, 30, 300))
    await origin.begun.wait()
    await (cache if same_process else cache_of(redis, hands)).invalidate("k")
    origin.gate.set()
    await loading

    assert await redis.exists("cache:product:{k}:value") == 0


async def test_when_the_loading_caller_goes_away_another_one_loads(
    redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    cache = cache_of(redis, hands)
    origin.gate.clear()
    leader = asyncio.create_task(cache.get_or_load("k", origin.load, 30, 300))
    await origin.begun.wait()
    follower = asyncio.create_task(cache.get_or_load("k", origin.load, 30, 300))
    await asyncio.sleep(0)
    leader.cancel()
    origin.gate.set()

    assert (await follower).body == b"answer 2"
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_without_redis_answers_still_come_and_stay_sheltered(
    absent_redis: redis_asyncio.Redis, hands: Hands, origin: Origin
) -> None:
    cache = cache_of(absent_redis, hands)

    await asyncio.gather(*(cache.get_or_load("k", origin.load, 30, 300) for _ in range(100)))
    await cache.invalidate("k")
    await cache.get_or_load("k", origin.load, 30, 300)

    assert origin.reads == 2


async def test_memory_stays_bounded(redis: redis_asyncio.Redis, hands: Hands) -> None:
    cache = cache_of(redis, hands)
    for number in range(1_100):
        cache._remember(str(number), None, 30)

    assert len(cache._local) == 1_024
