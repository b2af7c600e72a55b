from sqlalchemy import text

from libs.contracts.product import StockChanged
from libs.observability.metrics import configure_metrics, render_metrics
from libs.runtime.resources import open_resources
from libs.testing.plugin import SettingsFor
from libs.testing.scale import trials
from services.product.dependencies import expire_due
from services.product.worker import worker_plan
from tests.product.shop import Shop


async def test_the_expiry_timer_empties_the_backlog_in_batches(
    shop: Shop, settings_for: SettingsFor
) -> None:
    await shop.product("mug", stock={"A": 10})
    for _ in range(5):
        await shop.run_out((await shop.hold({"A": 1})).order_id)
    async with open_resources(settings_for("product", expiry_batch_size=2)) as resources:
        timers = {timer.name: timer for timer in worker_plan(resources).timers}
        assert await timers["expire_reservations"].run() == 5
        assert await expire_due(resources, 2) == 0
    assert await shop.piles("A") == (10, 0, 0)


async def test_holds_overdue_for_long_are_all_given_back_in_one_pass(
    shop: Shop, settings_for: SettingsFor
) -> None:
    holds = trials(quick=40, full=1000)
    await shop.product("mug", stock={"PLAIN": holds, "HOT": holds})
    await shop.spread("HOT", 4)
    for _ in range(holds):
        await shop.hold({"PLAIN": 1, "HOT": 1})
    async with shop.database.transaction() as session:
        await session.execute(
            text("UPDATE reservations SET expires_at = now() - interval '10 minutes'")
        )
    async with open_resources(settings_for("product")) as resources:
        timers = {timer.name: timer for timer in worker_plan(resources).timers}
        assert await timers["expire_reservations"].run() == holds
    assert await shop.piles("PLAIN") == (holds, 0, 0)
    assert await shop.piles("HOT") == (holds, 0, 0)
    assert await shop.unconserved() == []


async def test_what_is_left_of_a_spread_sku_is_told_by_a_timer_and_only_when_it_changed(
    shop: Shop, settings_for: SettingsFor
) -> None:
    await shop.product("mug", stock={"A": 10})
    await shop.spread("A", 4)
    await shop.hold({"A": 1})
    await shop.hold({"A": 2})
    async with open_resources(settings_for("product")) as resources:
        timers = {timer.name: timer for timer in worker_plan(resources).timers}
        told = len(await shop.events("A"))
        await timers["announce_spread_stock"].run()
        await timers["announce_spread_stock"].run()
    events = await shop.events("A")
    assert len(events) == told + 1
    assert events[-1][0] == StockChanged(sku="A", available=7)
    assert events[-1][1] > events[-2][1]


async def test_buckets_that_ran_empty_get_their_share_of_the_others(
    shop: Shop, settings_for: SettingsFor
) -> None:
    await shop.product("mug", stock={"A": 40})
    await shop.spread("A", 4)
    await shop.set_bucket("A", 1, available=40)
    async with open_resources(settings_for("product")) as resources:
        timers = {timer.name: timer for timer in worker_plan(resources).timers}
        assert await timers["even_out_buckets"].run() == 1
        assert await timers["even_out_buckets"].run() == 0
    assert await shop.shares("A") == [10, 10, 10, 10]
    assert await shop.unconserved() == []


async def test_a_piece_that_vanished_is_counted_and_shown(
    shop: Shop, settings_for: SettingsFor
) -> None:
    configure_metrics("product", "us-east-1", None)
    await shop.product("mug", stock={"A": 10, "B": 10})
    async with open_resources(settings_for("product")) as resources:
        check = {timer.name: timer for timer in worker_plan(resources).timers}["check_conservation"]
        await check.run()
        assert shown("product_stock_unconserved_skus") == 0
        async with shop.database.transaction() as session:
            await session.execute(
                text("UPDATE stock_levels SET available = 9, sold = 1 WHERE sku = 'A'")
            )
        await check.run()
        assert shown("product_stock_unconserved_skus") == 1
        assert shown("product_stock_unchecked_skus") == 0


def shown(name: str) -> float:
    lines = render_metrics()[0].decode().splitlines()
    return float(next(line for line in lines if line.startswith(name)).rsplit(" ", 1)[1])
