from libs.database.session import Database
from tests.order.routes.test_changing import cancel
from tests.order.running import Running
from tests.recorded import recorded


async def test_an_order_that_is_called_off_is_recorded_once_with_who_did_it(
    running: Running, database: Database
) -> None:
    order_id = await running.placed()
    for _ in range(2):
        await cancel(running, order_id)
    [(action, actor, outcome)] = await recorded(database)
    assert (action, outcome) == ("order.cancelled", "done")
    assert actor.startswith("usr_")
