import asyncio

import pytest

from libs.contracts.product import (
    StockChanged,
    StockCommitRejected,
    StockCommitted,
    StockReleased,
)
from libs.database.session import Database
from libs.ids import new_id
from libs.money import Money
from services.product.domain.reservations import ReservationState
from services.product.errors import (
    NotForSale,
    OutOfStock,
    ReservationClosed,
    ReservationConflict,
    ReservationNotFound,
)
from services.product.schemas.stock import NewAdjustment
from tests.product.crowd import until_somebody_waits
from tests.product.shop import Shop

ORDER = new_id("ord")


async def test_a_hold_takes_the_pieces_and_answers_the_prices(shop: Shop) -> None:
    product = await shop.product("mug", title="Mug", stock={"MUG-B": 5, "MUG-A": 3})
    held = await shop.hold({"MUG-B": 2, "MUG-A": 1}, ORDER)
    assert held.state is ReservationState.HELD
    assert [(line.sku, line.quantity) for line in held.lines] == [("MUG-A", 1), ("MUG-B", 2)]
    assert held.lines[0].title == "Mug, Form MUG-A"
    assert held.lines[0].product_id == product.id
    assert (held.lines[0].unit_price_minor, held.lines[0].price_version) == (1299, 1)
    assert await shop.piles("MUG-B") == (3, 2, 0)
    assert await shop.piles("MUG-A") == (2, 1, 0)
    assert await shop.unconserved() == []


async def test_a_hold_tells_what_is_left_of_each_sku(shop: Shop) -> None:
    await shop.product("mug", stock={"MUG": 5})
    before = (await shop.events("MUG"))[-1]
    await shop.hold({"MUG": 2})
    after = (await shop.events("MUG"))[-1]
    assert after[0] == StockChanged(sku="MUG", available=3)
    assert after[1] > before[1]


async def test_a_hold_that_lacks_one_piece_takes_none(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5, "B": 1, "C": 5})
    with pytest.raises(OutOfStock) as refused:
        await shop.hold({"A": 1, "B": 2, "C": 1}, ORDER)
    assert refused.value.extensions["shortages"] == [{"sku": "B", "requested": 2, "available": 1}]
    assert await shop.piles("A") == (5, 0, 0)
    with pytest.raises(ReservationNotFound):
        await shop.reservation(ORDER)


async def test_a_refused_order_may_hold_once_there_is_stock(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 1})
    with pytest.raises(OutOfStock):
        await shop.hold({"A": 2}, ORDER)
    await shop.receive("A", 1)
    assert (await shop.hold({"A": 2}, ORDER)).state is ReservationState.HELD


async def test_what_is_not_sold_cannot_be_held(shop: Shop) -> None:
    await shop.product("draft", stock={"DRAFT": 1}, status="draft")
    await shop.product("euros", stock={"EUROS": 1}, prices={"EUR": 5})
    with pytest.raises(NotForSale) as refused:
        await shop.hold({"DRAFT": 1, "EUROS": 1, "NEVER": 1})
    assert refused.value.extensions["skus"] == [
        {"sku": "DRAFT", "reason": "withdrawn"},
        {"sku": "EUROS", "reason": "no_price"},
        {"sku": "NEVER", "reason": "unknown"},
    ]


async def test_the_same_hold_again_gets_the_same_answer(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    first = await shop.hold({"A": 2}, ORDER)
    assert await shop.hold({"A": 2}, ORDER) == first
    assert await shop.piles("A") == (3, 2, 0)


async def test_other_lines_under_the_same_order_are_refused(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 2}, ORDER)
    with pytest.raises(ReservationConflict):
        await shop.hold({"A": 3}, ORDER)


async def test_a_commit_sells_what_is_held_once(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 2}, ORDER)
    await shop.sell(ORDER)
    await shop.sell(ORDER)
    assert await shop.piles("A") == (3, 0, 2)
    told = await shop.events(ORDER)
    assert [event for event, _ in told] == [StockCommitted(order_id=ORDER)] * 2
    assert told[0][1] < told[1][1]
    assert (await shop.hold({"A": 2}, ORDER)).state is ReservationState.COMMITTED
    assert await shop.unconserved() == []


async def test_an_expired_hold_gives_back_and_a_commit_takes_again(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 2})
    await shop.hold({"A": 2}, ORDER)
    assert await shop.expire() == 0
    await shop.run_out(ORDER)
    assert await shop.expire() == 1
    assert await shop.piles("A") == (2, 0, 0)
    assert (await shop.events("A"))[-1][0] == StockChanged(sku="A", available=2)
    await shop.sell(ORDER)
    assert await shop.piles("A") == (0, 0, 2)
    assert (await shop.events(ORDER))[-1][0] == StockCommitted(order_id=ORDER)
    assert (await shop.events("A"))[-1][0] == StockChanged(sku="A", available=0)


async def test_an_expired_hold_whose_pieces_are_gone_is_rejected_for_good(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 2, "B": 9})
    await shop.hold({"A": 2, "B": 1}, ORDER)
    await shop.run_out(ORDER)
    await shop.expire()
    await shop.hold({"A": 1})
    await shop.sell(ORDER)
    await shop.receive("A", 5)
    await shop.sell(ORDER)
    assert [event for event, _ in await shop.events(ORDER)] == [
        StockCommitRejected(order_id=ORDER, reason="out_of_stock"),
        StockCommitRejected(order_id=ORDER, reason="rejected"),
    ]
    assert await shop.piles("B") == (9, 0, 0)
    with pytest.raises(ReservationClosed):
        await shop.hold({"A": 2, "B": 1}, ORDER)
    assert await shop.unconserved() == []


async def test_a_hold_past_its_time_that_nobody_expired_is_still_sold(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 2})
    await shop.hold({"A": 2}, ORDER)
    await shop.run_out(ORDER)
    await shop.sell(ORDER)
    assert await shop.piles("A") == (0, 0, 2)


async def test_an_expired_order_can_hold_again_at_todays_price(shop: Shop) -> None:
    product = await shop.product("mug", stock={"A": 2})
    await shop.hold({"A": 2}, ORDER)
    await shop.run_out(ORDER)
    await shop.expire()
    async with shop.editor() as editor:
        await editor.put_price(product.id, "A", Money(1500, "USD"), "usr_test", lambda _: None)
    held = await shop.hold({"A": 2}, ORDER)
    assert (held.lines[0].unit_price_minor, held.lines[0].price_version) == (1500, 2)
    assert await shop.reservation(ORDER) == held
    assert await shop.expire() == 0
    assert await shop.piles("A") == (0, 2, 0)


@pytest.mark.parametrize("sold", [False, True])
async def test_a_release_gives_held_or_sold_pieces_back_once(shop: Shop, *, sold: bool) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 2}, ORDER)
    if sold:
        await shop.sell(ORDER)
    released = await shop.release(ORDER)
    assert released.state is ReservationState.RELEASED
    assert [line.sku for line in released.lines] == ["A"]
    await shop.release(ORDER)
    assert await shop.piles("A") == (5, 0, 0)
    told = [event for event, _ in await shop.events(ORDER)]
    assert told[-2:] == [StockReleased(order_id=ORDER)] * 2
    assert await shop.unconserved() == []


async def test_a_commit_after_the_release_is_rejected(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 2}, ORDER)
    await shop.release(ORDER)
    await shop.sell(ORDER)
    assert (await shop.events(ORDER))[-1][0] == StockCommitRejected(
        order_id=ORDER, reason="released"
    )
    assert (await shop.reservation(ORDER)).state is ReservationState.RELEASED


async def test_releasing_an_expired_hold_gives_nothing_back_twice(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 2}, ORDER)
    await shop.run_out(ORDER)
    await shop.expire()
    await shop.release(ORDER)
    assert await shop.piles("A") == (5, 0, 0)


async def test_releasing_an_unknown_order_closes_it(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    released = await shop.release(ORDER)
    assert released.state is ReservationState.RELEASED
    assert await shop.events(ORDER) == [(StockReleased(order_id=ORDER), 1)]
    with pytest.raises(ReservationClosed):
        await shop.hold({"A": 1}, ORDER)


async def test_committing_an_unknown_order_rejects_and_closes_it(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.sell(ORDER)
    assert await shop.events(ORDER) == [
        (StockCommitRejected(order_id=ORDER, reason="unknown_reservation"), 1)
    ]
    with pytest.raises(ReservationClosed):
        await shop.hold({"A": 1}, ORDER)


async def test_expiry_takes_batches_and_sums_the_same_sku(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 10, "B": 10})
    for lines in ({"A": 1}, {"A": 2, "B": 1}, {"B": 3}):
        held = await shop.hold(lines)
        await shop.run_out(held.order_id)
    assert [await shop.expire(2), await shop.expire(2), await shop.expire(2)] == [2, 1, 0]
    assert await shop.piles("A") == (10, 0, 0)
    assert await shop.piles("B") == (10, 0, 0)
    assert await shop.unconserved() == []


async def test_expiry_leaves_a_reservation_to_whoever_has_it_locked(
    shop: Shop, database: Database
) -> None:
    await shop.product("mug", stock={"A": 10})
    await shop.hold({"A": 1}, ORDER)
    await shop.run_out(ORDER)
    async with shop.reservations() as busy:
        await busy.sell(ORDER)
        assert await shop.expire() == 0
    assert await shop.piles("A") == (9, 0, 1)


async def test_pieces_that_come_back_while_a_buyer_waits_are_sold_to_it(
    shop: Shop, database: Database
) -> None:
    await shop.product("mug", stock={"A": 2})
    await shop.hold({"A": 2}, ORDER)
    async with shop.reservations() as releasing:
        await releasing.release(ORDER)
        buyer = asyncio.create_task(shop.hold({"A": 2}))
        await until_somebody_waits(database)
    assert (await buyer).state is ReservationState.HELD
    assert await shop.piles("A") == (0, 2, 0)


async def test_an_adjustment_a_buyer_waits_for_counts(shop: Shop, database: Database) -> None:
    await shop.product("mug", stock={"A": 1})
    async with shop.keeper() as keeper:
        await keeper.adjust(
            "A", NewAdjustment(quantity=5, reason="found"), "usr_test", lambda _: None
        )
        buyer = asyncio.create_task(shop.hold({"A": 4}))
        await until_somebody_waits(database)
    await buyer
    assert await shop.piles("A") == (2, 4, 0)
