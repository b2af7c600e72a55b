import pytest

from libs.clock import utc_now
from libs.contracts.message import Command
from libs.contracts.product import (
    CommitStock,
    ExtendHold,
    ReleaseStock,
    ReturnedPieces,
    ReturnStock,
    StockCommitted,
    StockReleased,
    StockReturned,
)
from libs.database.session import Database
from libs.ids import new_id, uuid7
from libs.messaging.envelope import Envelope
from libs.messaging.parking import ParkedMessages
from libs.messaging.processing import Outcome, Processor
from libs.messaging.routing import Routing
from libs.topology import MASTER_REGION
from services.product.consumers import handlers
from tests.product.shop import Shop, outbox_of

ORDER = new_id("ord")


@pytest.fixture
def processor(database: Database) -> Processor:
    return Processor(
        consumer="product-commands",
        handlers=handlers(MASTER_REGION),
        database=database,
        outbox_of=outbox_of,
        transactions=1,
    )


def command(message: Command) -> Envelope:
    return Envelope(
        id=str(uuid7()),
        source="/meridian/us-east-1/order",
        type=message.type,
        subject=message.subject,
        time=utc_now(),
        dataschema="urn:meridian:schema:test",
        data=message.model_dump(mode="json"),
        aggregateversion=1,
        originregion=MASTER_REGION,
    )


def test_every_command_of_product_has_a_handler() -> None:
    handled = {message.type for message in handlers(MASTER_REGION)}
    assert handled == Routing.load().types_handled_by("product")


async def test_a_redelivered_command_does_nothing_and_a_repeated_one_answers_again(
    shop: Shop, processor: Processor
) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 2}, ORDER)
    first = command(CommitStock(order_id=ORDER))
    assert await processor.process(first) is Outcome.HANDLED
    assert await processor.process(first) is Outcome.DUPLICATE
    assert await processor.process(command(CommitStock(order_id=ORDER))) is Outcome.HANDLED
    assert await shop.piles("A") == (3, 0, 2)
    told = [event for event, _ in await shop.events(ORDER)]
    assert told == [StockCommitted(order_id=ORDER)] * 2


async def test_a_release_command_gives_back(shop: Shop, processor: Processor) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 2}, ORDER)
    await processor.process(command(ReleaseStock(order_id=ORDER, reason="payment_declined")))
    assert await shop.piles("A") == (5, 0, 0)
    assert (await shop.events(ORDER))[-1][0] == StockReleased(order_id=ORDER)


def return_of_one() -> Command:
    return ReturnStock(
        order_id=ORDER,
        return_id="ret_1",
        lines=(ReturnedPieces(sku="A", quantity=1),),
        reason="unwanted",
    )


async def test_a_return_that_overtakes_its_commit_waits_for_it(
    shop: Shop, processor: Processor
) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 2}, ORDER)
    assert await processor.process(command(return_of_one())) is Outcome.PARKED
    await processor.process(command(CommitStock(order_id=ORDER)))
    await ParkedMessages(processor).run_due()
    assert await shop.piles("A") == (4, 0, 1)
    assert (await shop.events(ORDER))[-1][0] == StockReturned(order_id=ORDER, return_id="ret_1")


async def test_a_return_after_the_release_is_answered(shop: Shop, processor: Processor) -> None:
    await shop.product("mug", stock={"A": 5})
    await shop.hold({"A": 2}, ORDER)
    await processor.process(command(ReleaseStock(order_id=ORDER, reason="cancelled")))
    assert await processor.process(command(return_of_one())) is Outcome.HANDLED
    assert await shop.piles("A") == (5, 0, 0)


async def test_an_extend_command_has_no_answer(shop: Shop, processor: Processor) -> None:
    await shop.product("mug", stock={"A": 5})
    before = await shop.hold({"A": 2}, ORDER, ttl=60)
    await processor.process(command(ExtendHold(order_id=ORDER, ttl_seconds=900)))
    after = await shop.reservation(ORDER)
    assert before.expires_at is not None
    assert after.expires_at is not None
    assert after.expires_at > before.expires_at
    assert await shop.events(ORDER) == []
