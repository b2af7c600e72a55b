import asyncio

import pytest
from sqlalchemy import text

from libs.contracts.product import StockChanged, StockReturned
from libs.database.session import Database
from libs.ids import new_id
from services.product.domain.reservations import Line, ReservationState
from tests.product.crowd import until_somebody_waits
from tests.product.shop import Shop

ORDER = new_id("ord")


async def sold(shop: Shop, lines: dict[str, int]) -> None:
    await shop.hold(lines, ORDER)
    await shop.sell(ORDER)


async def test_a_return_makes_some_of_the_sold_pieces_available_again(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5, "B": 5})
    await sold(shop, {"A": 3, "B": 1})
    assert await shop.take_back(ORDER, "ret_1", {"A": 2})
    assert await shop.piles("A") == (4, 0, 1)
    assert await shop.piles("B") == (4, 0, 1)
    assert (await shop.events(ORDER))[-1][0] == StockReturned(order_id=ORDER, return_id="ret_1")
    assert (await shop.events("A"))[-1][0] == StockChanged(sku="A", available=4)
    assert await shop.unconserved() == []


async def test_the_same_return_again_only_tells_again_under_a_higher_version(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await sold(shop, {"A": 4})
    for _ in range(2):
        assert await shop.take_back(ORDER, "ret_1", {"A": 1})
    assert await shop.take_back(ORDER, "ret_2", {"A": 1})
    assert await shop.piles("A") == (3, 0, 2)
    told = (await shop.events(ORDER))[-3:]
    assert [event.return_id for event, _ in told if isinstance(event, StockReturned)] == [
        "ret_1",
        "ret_1",
        "ret_2",
    ]
    versions = [version for _, version in told]
    assert versions == sorted(set(versions))


async def test_no_more_comes_back_than_is_still_sold_to_the_order(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5, "B": 5})
    await sold(shop, {"A": 2})
    await shop.hold({"A": 2, "B": 2}, other := new_id("ord"))
    await shop.sell(other)
    assert await shop.take_back(ORDER, "ret_1", {"A": 9, "B": 1, "NEVER": 1})
    assert await shop.piles("A") == (3, 0, 2)
    assert await shop.piles("B") == (3, 0, 2)
    assert await shop.take_back(ORDER, "ret_2", {"A": 1})
    assert await shop.piles("A") == (3, 0, 2)
    assert await shop.unconserved() == []


async def test_a_release_after_a_return_gives_back_only_the_rest(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await sold(shop, {"A": 3})
    await shop.take_back(ORDER, "ret_1", {"A": 2})
    await shop.release(ORDER)
    assert await shop.piles("A") == (5, 0, 0)
    assert await shop.unconserved() == []


async def test_a_return_after_the_release_only_tells(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await sold(shop, {"A": 3})
    await shop.release(ORDER)
    assert await shop.take_back(ORDER, "ret_1", {"A": 2})
    assert await shop.piles("A") == (5, 0, 0)
    assert (await shop.events(ORDER))[-1][0] == StockReturned(order_id=ORDER, return_id="ret_1")
    assert (await shop.reservation(ORDER)).state is ReservationState.RELEASED


@pytest.mark.parametrize("state", ["unknown", "held", "expired"])
async def test_a_return_of_what_is_not_sold_yet_does_nothing(shop: Shop, state: str) -> None:
    await shop.product("mug", stock={"A": 5})
    if state != "unknown":
        await shop.hold({"A": 3}, ORDER)
    if state == "expired":
        await shop.run_out(ORDER)
        await shop.expire()
    before = await shop.piles("A")
    assert not await shop.take_back(ORDER, "ret_1", {"A": 1})
    assert await shop.piles("A") == before
    assert not any(isinstance(event, StockReturned) for event, _ in await shop.events(ORDER))


async def test_a_repeated_hold_after_a_return_still_answers_what_was_bought(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await sold(shop, {"A": 3})
    await shop.take_back(ORDER, "ret_1", {"A": 2})
    again = await shop.hold({"A": 3}, ORDER)
    assert (again.state, again.lines[0].quantity) == (ReservationState.COMMITTED, 3)


async def test_an_extended_hold_outlives_its_first_time(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    first = await shop.hold({"A": 3}, ORDER, ttl=60)
    await shop.extend(ORDER, 600)
    longer = await shop.reservation(ORDER)
    assert first.expires_at is not None
    assert longer.expires_at is not None
    assert 530 < (longer.expires_at - first.expires_at).total_seconds() < 600
    await shop.extend(ORDER, 1)
    assert (await shop.reservation(ORDER)).expires_at == longer.expires_at


@pytest.mark.parametrize("swept", [False, True])
async def test_a_hold_whose_time_is_up_is_not_revived(shop: Shop, *, swept: bool) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 3}, ORDER)
    await shop.run_out(ORDER)
    if swept:
        await shop.expire()
    await shop.extend(ORDER, 600)
    assert await shop.expire() == (0 if swept else 1)
    assert await shop.piles("A") == (5, 0, 0)


async def test_nothing_else_can_be_extended(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.extend(ORDER, 600)
    await sold(shop, {"A": 3})
    before = await shop.reservation(ORDER)
    await shop.extend(ORDER, 6000)
    assert await shop.reservation(ORDER) == before


async def test_a_line_cannot_have_more_returned_than_bought(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await sold(shop, {"A": 3})
    with pytest.raises(Exception, match="returned_within_quantity"):
        async with shop.database.transaction() as session:
            await session.execute(text("UPDATE reservation_lines SET returned = 4"))


async def test_a_release_that_waits_for_a_return_gives_back_only_the_rest(
    shop: Shop, database: Database
) -> None:
    await shop.product("mug", stock={"A": 5})
    await sold(shop, {"A": 3})
    async with shop.reservations() as returning:
        await returning.take_back(ORDER, "ret_1", [Line("A", 2)], "unwanted")
        release = asyncio.create_task(shop.release(ORDER))
        await until_somebody_waits(database)
    await release
    assert await shop.piles("A") == (5, 0, 0)
    assert await shop.unconserved() == []
