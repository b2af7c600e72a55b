from libs.database.session import Database
from tests.payment.conftest import Shop
from tests.recorded import entries


async def test_money_that_moves_is_recorded_once_with_its_amount(
    shop: Shop, database: Database
) -> None:
    order_id = await shop.captured()
    await shop.capture(order_id)
    found = await entries(database)
    assert [(one["action"], one["outcome"]) for one in found] == [
        ("payment.authorized", "done"),
        ("payment.captured", "done"),
    ]
    payment = await shop.payment(order_id)
    assert found[-1]["subject"] == payment["id"]
    assert found[-1]["details"]["order_id"] == order_id
    assert found[-1]["details"]["amount_minor"] == payment["captured_minor"]


async def test_money_that_was_refused_is_recorded(shop: Shop, database: Database) -> None:
    await shop.authorize("tok_declined")
    [found] = await entries(database)
    assert (found["action"], found["outcome"]) == ("payment.declined", "refused")
