from datetime import timedelta

import pytest
import redis.asyncio as redis_asyncio

from libs.cache.sessions import SessionRecord, SessionStore, SessionStoreUnavailable, session_key
from libs.clock import utc_now
from libs.testing.waiting import eventually

HOUR = 3600


def record(session_id: str = "ses_1", user_id: str = "usr_1") -> SessionRecord:
    now = utc_now()
    return SessionRecord(
        session_id=session_id,
        user_id=user_id,
        home_region="us-east-1",
        client_id="storefront",
        created_at=now,
        auth_time=now,
    )


async def test_a_stored_session_is_live_until_deleted(redis: redis_asyncio.Redis) -> None:
    store = SessionStore(redis)
    await store.check()
    stored = record()
    await store.put("ses_1", stored, HOUR, utc_now() + timedelta(days=1))

    assert await store.get("ses_1") == stored
    await store.delete("ses_1")
    assert await store.get("ses_1") is None
    await store.delete("ses_1")


async def test_only_the_hash_of_the_session_id_is_a_key(redis: redis_asyncio.Redis) -> None:
    await SessionStore(redis).put("ses_secret", record(), HOUR, utc_now() + timedelta(days=1))

    assert all(b"ses_" not in key and b"usr_" not in key for key in await redis.keys("*"))


async def test_storing_it_again_renews_the_idle_time_and_reading_does_not(
    redis: redis_asyncio.Redis,
) -> None:
    store, end = SessionStore(redis), utc_now() + timedelta(days=1)
    await store.put("ses_1", record(), HOUR, end)
    await redis.pexpire(session_key("ses_1"), 60_000)

    await store.get("ses_1")
    assert await redis.pttl(session_key("ses_1")) <= 60_000

    await store.put("ses_1", record(), HOUR, end)
    assert await redis.pttl(session_key("ses_1")) > 3_500_000


async def test_an_idle_session_is_over(redis: redis_asyncio.Redis) -> None:
    store = SessionStore(redis)
    await store.put("ses_1", record(), HOUR, utc_now() + timedelta(days=1))
    await redis.pexpire(session_key("ses_1"), 1)

    async def over() -> bool:
        return await store.get("ses_1") is None

    await eventually(over)


async def test_the_absolute_end_is_never_passed(redis: redis_asyncio.Redis) -> None:
    store, end = SessionStore(redis), utc_now() + timedelta(minutes=1)
    for _ in range(2):
        await store.put("ses_1", record(), HOUR, end)
        assert await redis.pttl(session_key("ses_1")) <= 60_000

    await store.put("ses_1", record(), HOUR, utc_now() - timedelta(seconds=1))
    assert await store.get("ses_1") is None


async def test_a_session_already_over_is_not_stored(redis: redis_asyncio.Redis) -> None:
    store = SessionStore(redis)
    await store.put("ses_1", record(), HOUR, utc_now() - timedelta(seconds=1))

    assert await store.get("ses_1") is None
    assert await store.list_for("usr_1") == []


async def test_a_user_sees_their_own_live_sessions_oldest_first(redis: redis_asyncio.Redis) -> None:
    store = SessionStore(redis)
    first, second = record("ses_1"), record("ses_2")
    for mine in (second, first, record("ses_3", "usr_2"), record("ses_4")):
        await store.put(mine.session_id, mine, HOUR, utc_now() + timedelta(days=1))
    await store.delete("ses_4")

    assert await store.list_for("usr_1") == [first, second]
    assert await store.list_for("usr_9") == []


@pytest.mark.parametrize("planted", [b"garbage", b"{}", b"\x80\x04\x95"])
async def test_an_unreadable_record_is_no_session(
    redis: redis_asyncio.Redis, planted: bytes
) -> None:
    store = SessionStore(redis)
    await store.put("ses_1", record(), HOUR, utc_now() + timedelta(days=1))
    (key,) = await redis.keys("session:*")
    await redis.hset(key, "record", planted)

    assert await store.get("ses_1") is None

    await redis.set(key, planted)
    assert await store.get("ses_1") is None


async def test_without_redis_the_answer_is_503_never_yes(absent_redis: redis_asyncio.Redis) -> None:
    store = SessionStore(absent_redis)
    end = utc_now() + timedelta(days=1)

    with pytest.raises(SessionStoreUnavailable) as refused:
        await store.get("ses_1")
    assert refused.value.status == 503
    assert refused.value.headers["Retry-After"] == "5"
    with pytest.raises(SessionStoreUnavailable):
        await store.put("ses_1", record(), HOUR, end)
    with pytest.raises(SessionStoreUnavailable):
        await store.delete("ses_1")
    with pytest.raises(SessionStoreUnavailable):
        await store.list_for("usr_1")
    with pytest.raises(SessionStoreUnavailable):
        await store.check()


async def test_the_version_before_finds_what_it_prolongs_a_session_by(
    redis: redis_asyncio.Redis,
) -> None:
    end = utc_now() + timedelta(days=1)
    await SessionStore(redis).put("ses_1", record(), HOUR, end)
    idle, absolute = await redis.hmget(session_key("ses_1"), ["idle", "end"])
    assert (idle, absolute) == (b"3600000", str(int(end.timestamp() * 1000)).encode())
