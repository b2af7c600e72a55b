import asyncio
from collections.abc import AsyncIterator

import pytest
import redis.asyncio as redis_asyncio

from libs.cache.hints import BACKSTOP_SECONDS, Hints, Watch
from libs.testing.waiting import eventually


@pytest.fixture
async def hints(redis: redis_asyncio.Redis) -> AsyncIterator[Hints]:
    hints = Hints(redis, "order")
    yield hints
    await hints.close()


@pytest.fixture
async def elsewhere(redis: redis_asyncio.Redis) -> AsyncIterator[Hints]:
    hints = Hints(redis, "order")
    yield hints
    await hints.close()


async def listening(hints: Hints) -> None:
    async with asyncio.timeout(30):
        await hints.listening.wait()


async def told(watch: Watch) -> None:
    """Wait for a hint as waiters do: however late it comes, it is there when they look the next time."""
    await eventually(lambda: watch.wait(5))


async def test_a_hint_from_another_process_wakes_every_waiter_of_that_key(
    hints: Hints, elsewhere: Hints
) -> None:
    orders = hints.subscribe("orders")
    await listening(hints)
    with orders.watch("ord_1") as one, orders.watch("ord_1") as two, orders.watch("ord_2") as other:
        elsewhere.publish("orders", "ord_1")

        await asyncio.gather(told(one), told(two))
        assert not await other.wait(0)


async def test_a_hint_between_reading_and_waiting_is_not_lost(
    hints: Hints, elsewhere: Hints
) -> None:
    orders = hints.subscribe("orders")
    with orders.watch("ord_1") as watch:
        hints.publish("orders", "ord_1")
        await told(watch)
        assert not await watch.wait(0)


async def test_one_connection_listens_for_all_channels_and_waiters(
    hints: Hints, elsewhere: Hints, redis: redis_asyncio.Redis
) -> None:
    orders = hints.subscribe("orders")
    await listening(hints)
    payments = hints.subscribe("payments")
    await listening(hints)
    with orders.watch("a") as a, payments.watch("b") as b:
        elsewhere.publish("payments", "b")
        elsewhere.publish("orders", "a")
        await asyncio.gather(told(a), told(b))
    clients = await redis.client_list(_type="pubsub")
    assert len(clients) == 1


async def test_a_waiter_looks_for_itself_every_second_without_a_hint(hints: Hints) -> None:
    assert BACKSTOP_SECONDS == 1
    async with asyncio.timeout(30 * BACKSTOP_SECONDS):
        assert not await hints.subscribe("orders").wait("ord_1", timeout=3_600)
    assert hints._waiters == {}


async def test_hints_inside_a_process_need_no_redis(absent_redis: redis_asyncio.Redis) -> None:
    hints = Hints(absent_redis, "order")
    orders = hints.subscribe("orders")
    with orders.watch("ord_1") as watch:
        hints.publish("orders", "ord_1")
        await told(watch)
    await hints.close()


async def test_the_listener_comes_back_after_losing_its_connection(
    hints: Hints, elsewhere: Hints, redis: redis_asyncio.Redis
) -> None:
    orders = hints.subscribe("orders")
    await listening(hints)
    await redis.client_kill_filter(_type="pubsub")
    await eventually(lambda: not hints.listening.is_set())
    await listening(hints)

    with orders.watch("ord_1") as watch:
        elsewhere.publish("orders", "ord_1")
        await told(watch)
