import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from libs.ids import new_id
from libs.testing.databases import Databases
from services.product.domain.reservations import Reservation
from services.product.errors import OutOfStock
from tests.product.crowd import BUYERS, open_shop
from tests.product.shop import Shop


@pytest.fixture
async def busy_shop(databases: Databases) -> AsyncIterator[Shop]:
    async with open_shop(databases) as shop:
        yield shop


async def buy(shop: Shop, lines: dict[str, int], queue: asyncio.Semaphore) -> str | None:
    async with queue:
        try:
            held = await shop.hold(lines)
        except OutOfStock:
            return None
    return held.order_id


async def test_64_buyers_of_20_pieces_make_exactly_20_holds(busy_shop: Shop) -> None:
    queue = asyncio.Semaphore(BUYERS)
    await busy_shop.product("mug", stock={"HOT": 20})
    orders = await asyncio.gather(*(buy(busy_shop, {"HOT": 1}, queue) for _ in range(BUYERS)))
    assert sum(order is not None for order in orders) == 20
    assert await busy_shop.piles("HOT") == (0, 20, 0)
    assert await busy_shop.unconserved() == []


async def test_mixed_baskets_in_random_order_neither_deadlock_nor_oversell(
    busy_shop: Shop,
) -> None:
    queue = asyncio.Semaphore(BUYERS)
    chance = random.Random(7)  # noqa: S311 - the same baskets in every run
    skus = [f"SKU-{number}" for number in range(5)]
    await busy_shop.product("many", stock=dict.fromkeys(skus, 40))
    baskets = [
        {sku: chance.randint(1, 3) for sku in chance.sample(skus, chance.randint(1, 4))}
        for _ in range(3 * BUYERS)
    ]
    orders = await asyncio.gather(*(buy(busy_shop, basket, queue) for basket in baskets))
    held = Counter[str]()
    for order, basket in zip(orders, baskets, strict=True):
        held.update(basket if order is not None else {})
    for sku in skus:
        assert await busy_shop.piles(sku) == (40 - held[sku], held[sku], 0)
    assert min(40 - held[sku] for sku in skus) == 0
    assert await busy_shop.unconserved() == []


async def test_the_same_hold_at_once_takes_the_pieces_once(busy_shop: Shop) -> None:
    await busy_shop.product("mug", stock={"A": 100})
    order = new_id("ord")
    held = await asyncio.gather(*(busy_shop.hold({"A": 2}, order) for _ in range(20)))
    assert len(set(held)) == 1
    assert await busy_shop.piles("A") == (98, 2, 0)


async def test_expiry_racing_commit_and_release_loses_no_piece(busy_shop: Shop) -> None:
    await busy_shop.product("mug", stock={"A": 30, "B": 30})
    orders: list[Reservation] = [await busy_shop.hold({"A": 1, "B": 1}) for _ in range(30)]
    for order in orders:
        await busy_shop.run_out(order.order_id)
    await asyncio.gather(
        *(busy_shop.sell(order.order_id) for order in orders[:20]),
        *(busy_shop.release(order.order_id) for order in orders[10:]),
        *(busy_shop.expire(7) for _ in range(6)),
    )
    while await busy_shop.expire():
        pass
    available, held, sold = await busy_shop.piles("A")
    assert (available + sold, held) == (30, 0)
    assert 10 <= sold <= 20
    assert await busy_shop.piles("B") == (available, held, sold)
    assert await busy_shop.unconserved() == []


async def test_a_release_racing_the_hold_it_cancels_leaves_nothing_held(busy_shop: Shop) -> None:
    await busy_shop.product("mug", stock={"A": 100})
    orders = [new_id("ord") for _ in range(25)]

    async def hold(order_id: str) -> None:
        await asyncio.gather(
            busy_shop.hold({"A": 1}, order_id), busy_shop.release(order_id), return_exceptions=True
        )

    await asyncio.gather(*(hold(order_id) for order_id in orders))
    for order_id in orders:
        await busy_shop.release(order_id)
    assert await busy_shop.piles("A") == (100, 0, 0)
    assert await busy_shop.unconserved() == []
