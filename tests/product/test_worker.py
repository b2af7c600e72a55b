from sqlalchemy import text

from libs.observability.metrics import configure_metrics, render_metrics
from libs.runtime.resources import open_resources
from libs.testing.plugin import SettingsFor
from services.product.dependencies import expire_due
from services.product.worker import ConservationCheck, worker_plan
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


async def test_a_piece_that_vanished_is_counted_and_shown(
    shop: Shop, settings_for: SettingsFor
) -> None:
    configure_metrics("product", "us-east-1", None)
    await shop.product("mug", stock={"A": 10, "B": 10})
    async with open_resources(settings_for("product")) as resources:
        worker_plan(resources)
        check = ConservationCheck(resources)
        await check.run()
        assert check.read() == 0
        async with shop.database.transaction() as session:
            await session.execute(
                text("UPDATE stock_levels SET available = 9, sold = 1 WHERE sku = 'A'")
            )
        await check.run()
        assert check.read() == 1
    assert b"product_stock_unconserved_skus" in render_metrics()[0]
