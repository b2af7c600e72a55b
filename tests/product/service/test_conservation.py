import asyncpg
import pytest
from sqlalchemy import text

from libs.database.session import Database
from libs.testing.databases import Databases
from libs.testing.settings import PATIENCE
from services.product.domain.stock import Imbalance
from services.product.service.conservation import ConservationRound, check_everything
from tests.product.shop import Shop

ORDER = "ord_1"


async def filled(shop: Shop) -> None:
    """PLAIN and HOT with something in every pile."""
    await shop.product("mug", stock={"PLAIN": 20, "HOT": 20})
    await shop.spread("HOT", 2)
    await shop.hold({"PLAIN": 3, "HOT": 3}, ORDER)
    await shop.sell(ORDER)
    await shop.take_back(ORDER, "ret_1", {"PLAIN": 1, "HOT": 1})
    await shop.hold({"PLAIN": 2, "HOT": 2})


BREAKS = {
    "a held piece became a sold one": (
        "UPDATE stock_levels SET held = held - 1, sold = sold + 1 WHERE sku = 'PLAIN'",
        [("PLAIN", 0, "held", 1, 2), ("PLAIN", 0, "sold", 3, 2)],
    ),
    "a piece appeared that nobody received": (
        "UPDATE stock_levels SET received = 21, available = available + 1 WHERE sku = 'PLAIN'",
        [("PLAIN", 0, "ledger", 21, 20)],
    ),
    "a piece vanished from the ledger's point of view": (
        "INSERT INTO stock_adjustments (sku, quantity, reason, available_after, actor)"
        " VALUES ('HOT', 5, 'received', 25, 'usr_x')",
        [("HOT", 0, "ledger", 20, 25)],
    ),
    "a reservation was closed by hand": (
        "UPDATE reservations SET state = 'released' WHERE state = 'committed'",
        None,
    ),
    "a return was not given back": (
        "UPDATE reservation_lines SET returned = 2 WHERE sku = 'PLAIN' AND returned = 1",
        [("PLAIN", 0, "sold", 2, 1)],
    ),
    "pieces changed their bucket": (
        "UPDATE reservation_lines SET bucket = 3 - bucket WHERE sku = 'HOT' AND returned = 1",
        None,
    ),
    "a line names a bucket that is not there": (
        "UPDATE reservation_lines SET bucket = 9 WHERE sku = 'HOT' AND returned = 1",
        None,
    ),
}


@pytest.mark.parametrize("name", BREAKS)
async def test_a_seeded_break_is_found_and_named(shop: Shop, name: str) -> None:
    await filled(shop)
    assert await check_everything(shop.database) == []
    statement, expected = BREAKS[name]
    async with shop.database.transaction() as session:
        await session.execute(text(statement))
    found = await check_everything(shop.database)
    assert found
    if expected is not None:
        assert found == [Imbalance(*one) for one in expected]
    else:
        assert {one.sku for one in found} <= {"PLAIN", "HOT"}
        assert {one.what for one in found} <= {"held", "sold"}


async def test_a_row_that_no_longer_adds_up_is_found_even_without_its_check(
    databases: Databases,
) -> None:
    fresh = databases.fresh()
    database = Database(
        fresh.url("product"), application_name="test-conservation", pool_size=2, patience=PATIENCE
    )
    shop = Shop(database)
    await filled(shop)
    owner = await asyncpg.connect(fresh.url("product", "superuser"))
    for table in ("stock_levels", "stock_buckets"):
        await owner.execute(
            f"ALTER TABLE shop_product.{table} DROP CONSTRAINT ck_{table}_conserved"
        )
    await owner.close()
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE stock_levels SET available = available - 1 WHERE sku = 'PLAIN'")
        )
        await session.execute(
            text("UPDATE stock_buckets SET available = available + 1 WHERE bucket = 2")
        )
    found = [(one.sku, one.bucket, one.what) for one in await check_everything(database)]
    await database.close()
    assert found == [("HOT", 2, "received"), ("PLAIN", 0, "received")]


async def test_a_walk_takes_a_page_per_step_and_then_begins_again(shop: Shop) -> None:
    await shop.product("many", stock={f"S-{number}": 1 for number in range(5)})
    walk = ConservationRound(shop.database, page=2, budget_seconds=30)
    async with shop.database.transaction() as session:
        await session.execute(
            text("UPDATE stock_levels SET available = 0, sold = 1 WHERE sku = 'S-3'")
        )
    await walk.step()
    assert walk.broken == frozenset()
    await walk.step()
    assert walk.broken == {"S-3"}
    await walk.step()
    assert walk.broken == {"S-3"}
    async with shop.database.transaction() as session:
        await session.execute(text("UPDATE stock_levels SET available = 1, sold = 0"))
    for _ in range(3):
        await walk.step()
    assert walk.broken == frozenset()


async def test_what_takes_too_long_is_tried_in_smaller_pages_and_then_passed_over(
    shop: Shop,
) -> None:
    await shop.product("many", stock={"S-1": 1, "S-2": 1})
    walk = ConservationRound(shop.database, page=2, budget_seconds=0.05)
    async with shop.database.transaction() as slow:
        await slow.execute(text("LOCK TABLE stock_buckets IN ACCESS EXCLUSIVE MODE"))
        for _ in range(3):
            await walk.step()
    walk.budget_seconds = 30
    await walk.step()
    assert walk.unchecked == {"S-1", "S-2"}
    for _ in range(3):
        await walk.step()
    assert walk.unchecked == frozenset()
