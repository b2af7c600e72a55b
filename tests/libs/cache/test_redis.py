import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import redis.asyncio as redis_asyncio
import uvloop

from libs.cache.cluster import ClusterRedis
from libs.cache.failures import REDIS_FAILURES, Cooldown, Cooldowns
from libs.cache.redis import open_redis
from libs.testing.fault_proxy.edge import Edge
from libs.testing.fault_proxy.fault import Fault
from libs.testing.waiting import eventually


async def test_an_absent_redis_is_a_failure_at_once(absent_redis: redis_asyncio.Redis) -> None:
    async with asyncio.timeout(30):
        with pytest.raises(REDIS_FAILURES):
            await absent_redis.get("k")


async def test_a_black_hole_costs_its_timeout_once() -> None:
    tries = 0

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    client = open_redis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with asyncio.timeout(30):
        with pytest.raises(REDIS_FAILURES):
            await client.get("k")
    assert tries == 1
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


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_broken_off_while_it_was_idle_is_a_failure_like_any_other(
    redis_url: str, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def scene() -> None:
        async with Edge("redis", urlsplit(redis_url).netloc) as edge:
            client = open_redis(f"redis://127.0.0.1:{edge.port}")
            await client.ping()
            await edge.apply(Fault(refuse=True))
            await eventually(lambda: edge.counts.active == 0)
            with pytest.raises(REDIS_FAILURES):
                await client.ping()
            await edge.heal()
            assert await client.ping()
            await client.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scene())


class Hands:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_after_a_pause_one_caller_asks_while_the_others_go_on_without() -> None:
    hands = Hands()
    cooldown = Cooldown(1.0, monotonic=hands)
    assert not cooldown.skips()
    assert cooldown.failed()
    assert not cooldown.failed()
    assert cooldown.skips()
    hands.time = 1.0
    assert [cooldown.skips() for _ in range(3)] == [False, True, True]
    cooldown.succeeded()
    assert [cooldown.skips() for _ in range(3)] == [False, False, False]


def test_pauses_double_up_to_the_longest() -> None:
    hands = Hands()
    cooldown = Cooldown(1.0, longest=4.0, monotonic=hands)
    pauses = []
    for _ in range(4):
        assert not cooldown.skips()
        cooldown.failed()
        began = hands.time
        while cooldown.skips():
            hands.time += 0.25
        pauses.append(hands.time - began)
        hands.time += 10.0
    assert pauses == [1.0, 2.0, 4.0, 4.0]


def test_a_caller_who_asked_and_never_said_how_it_went_does_not_stop_the_others_for_long() -> None:
    hands = Hands()
    cooldown = Cooldown(1.0, monotonic=hands)
    cooldown.failed()
    hands.time = 1.0
    assert not cooldown.skips()
    hands.time = 4.0
    assert not cooldown.skips()


def test_who_asks_again_has_as_long_as_redis_may_take() -> None:
    hands = Hands()
    cooldown = Cooldown(1.0, answer_seconds=5.0, monotonic=hands)
    cooldown.failed()
    hands.time = 1.0
    assert not cooldown.skips()
    hands.time = 10.9
    assert cooldown.skips()
    hands.time = 11.1
    assert not cooldown.skips()


def test_a_shard_that_is_away_does_not_keep_callers_from_the_others() -> None:
    hands = Hands()
    cooldowns = Cooldowns(lambda key: key[:1], monotonic=hands)
    cooldowns.of("a-1").failed()
    assert cooldowns.of("a-2").skips()
    assert not cooldowns.of("b-1").skips()


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis+cluster://one", [("one", 6379)]),
        ("redis+cluster://user:p%40ss@one:1,two:2/0", [("one", 1), ("two", 2)]),
        (
            "rediss+cluster://u:p@[2001:db8::1]:7,[2001:db8::2]",
            [("2001:db8::1", 7), ("2001:db8::2", 6379)],
        ),
    ],
)
async def test_an_address_may_name_several_nodes(url: str, nodes: list[tuple[str, int]]) -> None:
    client = open_redis(url)
    assert isinstance(client, ClusterRedis)
    assert client.seeds == tuple(nodes)
    await client.aclose()
