"""Spread SKUs: the same promises as with one row, from several."""

import asyncio
import typing

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Connection

from libs.contracts.product import StockChanged, StockCommitted
from libs.database.session import Database
from libs.ids import new_id
from services.product.domain.reservations import ReservationState
from services.product.errors import OutOfStock, StockBelowZero
from services.product.schemas.stock import NewAdjustment
from tests.product.crowd import until_somebody_waits
from tests.product.shop import Shop

ORDER = new_id("ord")


@pytest.fixture
async def hot(shop: Shop) -> Shop:
    """HOT has 20 pieces in four buckets, COLD ten in its one row."""
    await shop.product("hot", stock={"HOT": 20, "COLD": 10})
    await shop.spread("HOT", 4)
    return shop


async def test_spreading_shares_the_pieces_out_and_keeps_every_pile(shop: Shop) -> None:
    await shop.product("mug", stock={"A": 11})
    await shop.hold({"A": 1})
    await shop.hold({"A": 2}, ORDER)
    await shop.sell(ORDER)
    before = await shop.level("A")
    await shop.spread("A", 3)
    assert await shop.piles("A") == (8, 1, 2)
    assert await shop.shares("A") == [3, 3, 2]
    assert (await shop.level("A")).version > before.version
    assert (await shop.level("A")).buckets == 3
    assert await shop.unconserved() == []


async def test_what_was_held_before_spreading_can_be_sold_returned_and_released(
    shop: Shop,
) -> None:
    await shop.product("mug", stock={"A": 10, "B": 10})
    await shop.hold({"A": 4, "B": 1}, ORDER)
    await shop.hold({"A": 3, "B": 1}, other := new_id("ord"))
    await shop.spread("A", 3)
    await shop.sell(ORDER)
    assert await shop.piles("A") == (3, 3, 4)
    await shop.take_back(ORDER, "ret_1", {"A": 1})
    assert await shop.piles("A") == (4, 3, 3)
    await shop.run_out(other)
    await shop.hold({"A": 1}, young := new_id("ord"))
    await shop.run_out(young)
    assert await shop.expire() == 2
    await shop.release(ORDER)
    assert await shop.piles("A") == (10, 0, 0)
    assert await shop.piles("B") == (10, 0, 0)
    assert await shop.unconserved() == []


async def test_the_order_gets_its_pieces_from_one_bucket_and_gives_them_back_there(
    hot: Shop,
) -> None:
    await hot.hold({"HOT": 4}, ORDER)
    assert sorted(await hot.shares("HOT")) == [1, 5, 5, 5]
    assert await hot.unconserved() == []
    await hot.release(ORDER)
    assert await hot.shares("HOT") == [5, 5, 5, 5]


async def test_a_quantity_larger_than_any_bucket_is_gathered(hot: Shop) -> None:
    held = await hot.hold({"HOT": 17}, ORDER)
    assert held.state is ReservationState.HELD
    assert await hot.piles("HOT") == (3, 17, 0)
    assert await hot.shares("HOT") == [1, 1, 1, 0]
    await hot.sell(ORDER)
    await hot.take_back(ORDER, "ret_1", {"HOT": 16})
    assert await hot.piles("HOT") == (19, 0, 1)
    assert await hot.unconserved() == []


async def test_the_last_piece_of_any_bucket_is_found_and_then_it_is_sold_out(hot: Shop) -> None:
    for _ in range(20):
        await hot.hold({"HOT": 1})
    with pytest.raises(OutOfStock) as refused:
        await hot.hold({"HOT": 1})
    assert refused.value.extensions["shortages"] == [{"sku": "HOT", "requested": 1, "available": 0}]
    assert await hot.piles("HOT") == (0, 20, 0)


@pytest.mark.parametrize("lines", [{"HOT": 21, "COLD": 1}, {"HOT": 1, "COLD": 11}])
async def test_a_mixed_basket_that_lacks_pieces_takes_none(
    hot: Shop, lines: dict[str, int]
) -> None:
    with pytest.raises(OutOfStock) as refused:
        await hot.hold(lines)
    assert [sku for sku, wanted in lines.items() if wanted > 10] == [
        one["sku"]
        for one in typing.cast(list[dict[str, str]], refused.value.extensions["shortages"])
    ]
    assert await hot.piles("HOT") == (20, 0, 0)
    assert await hot.piles("COLD") == (10, 0, 0)


async def test_an_expired_mixed_order_is_sold_from_what_is_there_or_not_at_all(hot: Shop) -> None:
    second = new_id("ord")
    for order in (ORDER, second):
        await hot.hold({"COLD": 1, "HOT": 9}, order)
        await hot.run_out(order)
    await hot.expire()
    assert await hot.piles("HOT") == (20, 0, 0)
    await hot.sell(ORDER)
    assert (await hot.events(ORDER))[-1][0] == StockCommitted(order_id=ORDER)
    assert await hot.piles("HOT") == (11, 0, 9)
    await hot.hold({"HOT": 3})
    await hot.sell(second)
    assert (await hot.reservation(second)).state is ReservationState.REJECTED
    assert await hot.piles("COLD") == (9, 0, 1)
    assert await hot.piles("HOT") == (8, 3, 9)
    assert await hot.unconserved() == []


async def test_adjustments_of_a_spread_sku_are_ledger_lines_like_any_other(hot: Shop) -> None:
    await hot.hold({"HOT": 3})
    await hot.receive("HOT", 7)
    assert await hot.shares("HOT") == [6, 6, 6, 6]
    async with hot.keeper() as keeper:
        line, level = await keeper.adjust(
            "HOT", NewAdjustment(quantity=-22, reason="lost"), "usr_test", lambda _: None
        )
    assert (line.available_after, level.available, level.received) == (2, 2, 5)
    with pytest.raises(StockBelowZero):
        await hot.receive("HOT", -3)
    assert await hot.unconserved() == []


async def test_fewer_buckets_leave_nothing_where_nobody_looks(hot: Shop) -> None:
    await hot.hold({"HOT": 5}, ORDER)
    await hot.spread("HOT", 1)
    assert await hot.shares("HOT") == [15, 0, 0, 0]
    await hot.release(ORDER)
    await hot.hold({"HOT": 20})
    assert await hot.piles("HOT") == (0, 20, 0)
    await hot.spread("HOT", 6)
    assert await hot.piles("HOT") == (0, 20, 0)
    assert await hot.unconserved() == []


async def test_a_buyer_does_not_wait_while_another_bucket_is_free(
    hot: Shop, database: Database
) -> None:
    async with database.transaction() as busy:
        await busy.execute(
            text("SELECT FROM stock_buckets WHERE sku = 'HOT' AND bucket <> 2 FOR UPDATE")
        )
        await hot.hold({"HOT": 5})
    assert await hot.shares("HOT") == [5, 0, 5, 5]


async def test_a_locked_bucket_is_waited_for_rather_than_called_sold_out(
    hot: Shop, database: Database
) -> None:
    await hot.set_bucket("HOT", 3, available=20)
    async with database.transaction() as busy:
        await busy.execute(
            text("SELECT FROM stock_buckets WHERE sku = 'HOT' AND bucket = 3 FOR UPDATE")
        )
        buyer = asyncio.create_task(hot.hold({"HOT": 2}, ORDER))
        await until_somebody_waits(database)
    assert (await buyer).state is ReservationState.HELD
    assert await hot.piles("HOT") == (18, 2, 0)


async def test_sold_out_is_said_without_waiting_for_anybody(hot: Shop, database: Database) -> None:
    await hot.hold({"HOT": 20}, ORDER)
    async with database.transaction() as busy:
        await busy.execute(text("SELECT FROM stock_buckets FOR UPDATE"))
        with pytest.raises(OutOfStock):
            await hot.hold({"HOT": 1})


async def test_buckets_added_while_a_buyer_waits_are_seen_by_it(
    hot: Shop, database: Database
) -> None:
    await hot.hold({"HOT": 20}, ORDER)
    await hot.release(ORDER)
    await hot.set_bucket("HOT", 1, available=20)
    async with hot.keeper() as keeper:
        await keeper.spread("HOT", 64, lambda _: None)
        buyer = asyncio.create_task(hot.hold({"HOT": 20}))
        await until_somebody_waits(database)
    await buyer
    assert await hot.piles("HOT") == (0, 20, 0)


async def test_the_announced_version_grows_over_spreading_and_every_later_change(
    shop: Shop,
) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 1})
    await shop.spread("A", 2)
    await shop.announce()
    await shop.hold({"A": 1}, ORDER)
    await shop.announce()
    await shop.release(ORDER)
    await shop.spread("A", 1)
    await shop.announce()
    assert await shop.announce() == 0
    told = await shop.events("A")
    versions = [version for _, version in told]
    assert versions == sorted(set(versions))
    assert [event.available for event, _ in told if isinstance(event, StockChanged)][-3:] == [
        4,
        3,
        4,
    ]


async def test_an_ordinary_basket_costs_no_statement_more_than_one_for_its_pieces(
    hot: Shop, database: Database
) -> None:
    statements: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    async with database.transaction() as session:
        engine = (await session.connection()).engine
    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        await hot.hold({"COLD": 2}, ORDER)
        assert len(statements) == 5  # claim, offers, lines, pieces, event
        statements.clear()
        await hot.sell(ORDER)
        assert len(statements) == 4  # lock, pieces, state, event
        assert not any("stock_buckets" in one for one in statements)
        statements.clear()
        await hot.hold({"HOT": 2})
        assert len(statements) == 6  # claim, offers, lines, savepoint, pieces, its release
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)
