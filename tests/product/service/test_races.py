"""Crowds at a few SKUs, some in one row and some in buckets. Nothing is tried twice, so every deadlock shows."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from functools import partial

import pytest
from sqlalchemy import text

from libs.contracts.product import StockCommitRejected, StockCommitted
from libs.ids import new_id
from libs.testing.databases import Databases
from libs.testing.scale import trials
from services.product.domain.reservations import Reservation, ReservationState
from tests.product.crowd import all_at_once, open_shop, try_to_hold
from tests.product.shop import Shop

STOCK = 100
CROWD = trials(quick=200, full=1000)
ROUNDS = trials(quick=1, full=20)
SKUS = ("A", "B", "C", "HOT-1", "HOT-2")
SPREAD = {"HOT-1": 8, "HOT-2": 3}


@pytest.fixture
async def busy_shop(databases: Databases) -> AsyncIterator[Shop]:
    async with open_shop(databases) as shop:
        yield shop


async def stocked(shop: Shop, pieces: int) -> None:
    await shop.product("many", stock=dict.fromkeys(SKUS, pieces))
    for sku, buckets in SPREAD.items():
        await shop.spread(sku, buckets)


def basket(chance: random.Random) -> Mapping[str, int]:
    """One to three SKUs in random order."""
    return {sku: chance.randint(1, 2) for sku in chance.sample(SKUS, chance.randint(1, 3))}


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_a_crowd_gets_every_piece_and_not_one_more(busy_shop: Shop, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same crowd in every run
    await stocked(busy_shop, STOCK)
    orders = await first_come(busy_shop, [basket(chance) for _ in range(CROWD)])
    await change_their_minds(busy_shop, orders, chance)
    for sku in SKUS:
        available, held, sold = await busy_shop.piles(sku)
        assert (available + sold, held) == (STOCK, 0)
    await sell_the_rest(busy_shop)
    for sku in SKUS:
        assert await busy_shop.piles(sku) == (0, 0, STOCK)
    assert await busy_shop.unconserved() == []


async def first_come(shop: Shop, baskets: list[Mapping[str, int]]) -> list[Reservation]:
    """All try to hold at once. Nothing comes back meanwhile, so a refusal was true if it still is afterwards."""
    tried = await all_at_once(partial(try_to_hold, shop, lines) for lines in baskets)
    held = Counter[str]()
    for (order, _), lines in zip(tried, baskets, strict=True):
        held.update(lines if order is not None else {})
    for sku in SKUS:
        assert await shop.piles(sku) == (STOCK - held[sku], held[sku], 0)
    for _, shortages in tried:
        for short in shortages:
            wanted, left = short["requested"], STOCK - held[str(short["sku"])]
            assert isinstance(wanted, int)
            assert left < wanted, f"{short} was refused and {left} are left"
    return [order for order, _ in tried if order is not None]


async def change_their_minds(shop: Shop, orders: list[Reservation], chance: random.Random) -> None:
    """Commits, releases, returns and expiry of the same and of other orders, and new buyers, all at once."""
    deeds = (sell_and_return, sell, release, sell_too_late, let_it_expire)
    work = [partial(chance.choice(deeds), shop, order) for order in orders]
    work += [partial(release, shop, order) for order in orders[::7]]
    work += [partial(hold_and_release, shop, basket(chance)) for _ in orders]
    chance.shuffle(work)
    await all_at_once(work)
    while await shop.expire():
        continue


async def sell(shop: Shop, order: Reservation) -> None:
    await shop.sell(order.order_id)


async def sell_and_return(shop: Shop, order: Reservation) -> None:
    await shop.sell(order.order_id)
    for _ in range(2):
        await shop.take_back(order.order_id, "ret_1", {order.lines[0].sku: 1})


async def release(shop: Shop, order: Reservation) -> None:
    await shop.release(order.order_id)


async def let_it_expire(shop: Shop, order: Reservation) -> None:
    await shop.run_out(order.order_id)
    await shop.expire(5)


async def sell_too_late(shop: Shop, order: Reservation) -> None:
    await let_it_expire(shop, order)
    await shop.sell(order.order_id)


async def hold_and_release(shop: Shop, lines: Mapping[str, int]) -> None:
    order, _ = await try_to_hold(shop, lines)
    if order is not None:
        await shop.release(order.order_id)


async def sell_the_rest(shop: Shop) -> None:
    """More buyers of single pieces than there are pieces."""

    async def buy(sku: str) -> None:
        order, _ = await try_to_hold(shop, {sku: 1})
        if order is not None:
            await shop.sell(order.order_id)

    left = {sku: (await shop.piles(sku))[0] for sku in SKUS}
    queue = [sku for sku, pieces in left.items() for _ in range(pieces + 5)]
    await all_at_once(partial(buy, sku) for sku in random.Random(1).sample(queue, len(queue)))  # noqa: S311 - the same in every run


AT_ONCE = 16


@pytest.mark.parametrize("seed", range(trials(quick=48, full=1000) // AT_ONCE + 1))
async def test_expiry_beside_a_commit_sells_or_gives_back_and_never_both(
    busy_shop: Shop, seed: int
) -> None:
    """Commits come up to 50 ms before or after the end of their hold, by the database's clock; rivals wait for pieces."""
    chance = random.Random(seed)  # noqa: S311 - the same offsets in every run
    await busy_shop.product("scarce", stock={"A": AT_ONCE, "HOT": AT_ONCE})
    await busy_shop.spread("HOT", 4)
    lines = {"A": 1, "HOT": 1}
    orders = [(await busy_shop.hold(lines, ttl=60)).order_id for _ in range(AT_ONCE)]
    rivals: list[Reservation] = []

    async def commit(order_id: str, offset: float) -> None:
        await let_it_end_in(busy_shop, order_id, 0.1)
        await wait_past_the_end(busy_shop, order_id, offset)
        await busy_shop.sell(order_id)

    async def sweep(order_id: str) -> None:
        await wait_past_the_end(busy_shop, order_id, chance.uniform(-0.02, 0.05))
        await busy_shop.expire(3)
        rival, _ = await try_to_hold(busy_shop, lines)
        if rival is not None:
            rivals.append(rival)

    await all_at_once(
        [
            *(partial(commit, order_id, chance.uniform(-0.05, 0.05)) for order_id in orders),
            *(partial(sweep, order_id) for order_id in orders),
        ]
    )
    outcomes = Counter([await outcome_of(busy_shop, order_id) for order_id in orders])
    sold = outcomes[ReservationState.COMMITTED]
    assert sum(outcomes.values()) == AT_ONCE
    for sku in lines:
        assert await busy_shop.piles(sku) == (AT_ONCE - sold - len(rivals), len(rivals), sold)
    assert await busy_shop.unconserved() == []


async def outcome_of(shop: Shop, order_id: str) -> ReservationState:
    """Return committed or rejected, as it was told, once."""
    state = (await shop.reservation(order_id)).state
    told = [event for event, _ in await shop.events(order_id)]
    if state is ReservationState.COMMITTED:
        assert told == [StockCommitted(order_id=order_id)]
    else:
        assert state is ReservationState.REJECTED
        assert told == [StockCommitRejected(order_id=order_id, reason="out_of_stock")]
    return state


async def let_it_end_in(shop: Shop, order_id: str, seconds: float) -> None:
    async with shop.database.transaction() as session:
        await session.execute(
            text(
                "UPDATE reservations SET expires_at = clock_timestamp()"
                " + make_interval(secs => :seconds) WHERE order_id = :order_id"
            ),
            {"order_id": order_id, "seconds": seconds},
        )


async def wait_past_the_end(shop: Shop, order_id: str, offset: float) -> None:
    """Let the database's clock reach the hold's end plus an offset in seconds."""
    async with shop.database.transaction() as session:
        await session.execute(
            text(
                "SELECT pg_sleep(least(1, greatest(0, :offset"
                " + extract(epoch FROM expires_at - clock_timestamp())::double precision)))"
                " FROM reservations WHERE order_id = :order_id"
            ),
            {"order_id": order_id, "offset": offset},
        )


async def test_extending_beside_the_sweeper_either_keeps_the_hold_or_comes_too_late(
    busy_shop: Shop,
) -> None:
    await busy_shop.product("mug", stock={"A": 60})
    orders = [(await busy_shop.hold({"A": 1}, new_id("ord"))).order_id for _ in range(60)]
    for order_id in orders[:30]:
        await busy_shop.run_out(order_id)
    await asyncio.gather(
        *(busy_shop.extend(order_id, 600) for order_id in orders),
        *(busy_shop.expire(4) for _ in range(10)),
    )
    assert await busy_shop.piles("A") == (30, 30, 0)
    assert await busy_shop.unconserved() == []
