import asyncio

import pytest
import redis.asyncio as redis_asyncio

from libs.cache.redis import REDIS_FAILURES, Cooldown, open_redis


async def test_an_absent_redis_fails_fast_and_only_once(absent_redis: redis_asyncio.Redis) -> None:
    async with asyncio.timeout(1):
        with pytest.raises(REDIS_FAILURES):
            await absent_redis.get("k")


async def test_a_black_hole_costs_no_more_than_the_timeout() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    client = open_redis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with asyncio.timeout(3):
        with pytest.raises(REDIS_FAILURES):
            await client.get("k")
    await client.aclose()
    server.close()
    await server.wait_closed()


async def test_a_storm_of_cancelled_commands_never_mixes_up_replies(
    redis: redis_asyncio.Redis,
) -> None:
    await redis.mset({f"key-{number}": f"value-{number}" for number in range(50)})

    async def read(number: int) -> bool:
        return await redis.get(f"key-{number}") == f"value-{number}".encode()

    for _ in range(20):
        tasks = [asyncio.create_task(read(number)) for number in range(50)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert not any(outcome is False for outcome in outcomes)
        assert all([await read(number) for number in range(0, 50, 10)])


def test_a_cooldown_ends_by_itself() -> None:
    now = 0.0
    cooldown = Cooldown(1.0, monotonic=lambda: now)
    seen = [cooldown.active]
    assert cooldown.start()
    assert not cooldown.start()
    seen.append(cooldown.active)
    now = 1.0
    seen.append(cooldown.active)
    assert seen == [False, True, False]
