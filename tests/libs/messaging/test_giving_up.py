"""A message nothing comes to advance is given up, kept, and may be tried again."""

from libs.database.session import Database
from libs.messaging import inbox
from libs.messaging.parking import ParkedMessages
from tests.libs.messaging.early import Orders, confirmed, make_due, row
from tests.libs.messaging.traffic import envelope


async def give_up(database: Database, orders: Orders) -> None:
    await orders.confirm_early()
    await make_due(database)
    await ParkedMessages(orders.processor, attempts=2).run_due()


async def test_a_message_nothing_comes_to_advance_is_given_up_but_kept(
    database: Database, orders: Orders
) -> None:
    await give_up(database, orders)
    async with database.transaction() as session:
        [found] = await inbox.given_up(session, "cart-inbox")
    assert (found.type, found.count, found.waiting_for) == ("order.confirmed.v1", 1, "ord_1")
    assert (await row(database)).envelope is not None
    assert await ParkedMessages(orders.processor).run_due() == 10.0, "nothing is due by itself"


async def test_a_given_up_message_still_runs_when_its_aggregate_advances_after_all(
    database: Database, orders: Orders
) -> None:
    await give_up(database, orders)
    await orders.processor.process(envelope())
    await ParkedMessages(orders.processor).run_due()
    assert orders.confirmed == 1


async def test_a_revived_message_has_all_its_attempts_again(
    database: Database, orders: Orders
) -> None:
    await give_up(database, orders)
    async with database.transaction() as session:
        assert await inbox.revive(session, "cart-inbox", limit=10, per_second=50) == 1
        assert await inbox.revive(session, "cart-inbox", limit=10, per_second=50) == 0
    await ParkedMessages(orders.processor, attempts=2).run_due()
    assert (await row(database)).attempts == 1
    async with database.transaction() as session:
        assert await inbox.given_up(session, "cart-inbox") == []


async def test_a_message_whose_aggregate_advances_during_its_last_run_is_not_given_up(
    database: Database, orders: Orders
) -> None:
    await orders.confirm_early()
    async with database.transaction() as session:
        await inbox.advanced(session, "ord_1")
    async with database.transaction() as session:
        await inbox.give_up(session, "cart-inbox", confirmed())
        assert await inbox.seconds_until_due(session, "cart-inbox") == 0
