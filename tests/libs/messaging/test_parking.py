"""A message that came too early waits for what it needs, and no wake-up is lost."""

import asyncio
import random
from collections import Counter

from sqlalchemy import text, update

from libs.contracts.order import OrderConfirmed
from libs.database.session import Database
from libs.ids import uuid7
from libs.messaging import inbox
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import HandlerContext, OutsideTransaction, TooEarly
from libs.messaging.parking import ParkedMessages
from libs.messaging.processing import Outcome, Processor
from libs.messaging.tables import inbox_messages
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from tests.libs.messaging.early import Orders, confirmed, make_due, row
from tests.libs.messaging.traffic import OutboxOf, envelope, running


async def test_a_parked_message_runs_when_its_aggregate_advances(
    database: Database, orders: Orders
) -> None:
    await orders.confirm_early()
    async with database.transaction() as session:
        await session.execute(update(inbox_messages).values(retry_at=text("now() + interval '1d'")))
    async with running(Stopping(orders)):
        await orders.processor.process(envelope())
        await eventually(lambda: orders.confirmed == 1)
    assert (await row(database)).status == "done"


class Stopping:
    """Runs the parked messages the way a consumer does, which wakes them when it stops."""

    def __init__(self, orders: Orders, attempts: int = 20) -> None:
        self._processor = orders.processor
        self._parked = ParkedMessages(orders.processor, attempts=attempts)

    async def run(self, stop: asyncio.Event) -> None:
        task = asyncio.create_task(self._parked.run(stop))
        await stop.wait()
        self._processor.parked_changed.set()
        await task


async def test_a_parked_message_runs_when_its_time_comes(
    database: Database, orders: Orders
) -> None:
    await orders.confirm_early()
    orders.placed = True
    async with running(Stopping(orders)):
        await eventually(lambda: orders.confirmed == 1)


async def test_code_outside_a_handler_can_advance_a_key(database: Database, orders: Orders) -> None:
    await orders.confirm_early()
    orders.placed = True
    async with database.transaction() as session:
        await inbox.advanced(session, "somebody else", "ord_1")
    await ParkedMessages(orders.processor).run_due()
    assert orders.confirmed == 1


async def test_a_message_still_too_early_waits_twice_as_long_each_time(
    database: Database, orders: Orders
) -> None:
    await orders.confirm_early()
    parked = ParkedMessages(orders.processor)
    pauses = []
    for _ in range(3):
        await make_due(database)
        await parked.run_due()
        async with database.transaction() as session:
            pauses.append(await inbox.seconds_until_due(session, "cart-inbox") or 0)
    assert [round(pause) for pause in pauses] == [2, 4, 8]
    assert (await row(database)).attempts == 4


async def test_a_message_advanced_while_it_runs_stays_due(
    database: Database, orders: Orders
) -> None:
    await orders.confirm_early()
    await make_due(database)
    async with database.transaction() as session:
        [parked] = await inbox.lease_due(session, "cart-inbox", limit=5, lease_seconds=60)
    async with database.transaction() as session:
        await inbox.advanced(session, "ord_1")
    async with database.transaction() as session:
        await inbox.postpone(
            session, "cart-inbox", parked.envelope, waiting_for="ord_1", seconds=300
        )
    async with database.transaction() as session:
        assert await inbox.seconds_until_due(session, "cart-inbox") == 0


async def test_a_leased_message_is_nobody_elses(database: Database, orders: Orders) -> None:
    await orders.confirm_early()
    await make_due(database)
    async with database.transaction() as session:
        assert len(await inbox.lease_due(session, "cart-inbox", limit=5, lease_seconds=60)) == 1
    async with database.transaction() as session:
        assert await inbox.lease_due(session, "cart-inbox", limit=5, lease_seconds=60) == []


async def test_whoever_comes_second_does_nothing(database: Database, orders: Orders) -> None:
    await orders.confirm_early()
    orders.placed = True
    parked = inbox.ParkedMessage(confirmed(), attempts=1)
    assert await orders.processor.process_again(parked) is Outcome.HANDLED
    assert await orders.processor.process_again(parked) is Outcome.DUPLICATE
    assert orders.confirmed == 1


async def test_who_advances_an_aggregate_late_in_the_run_is_not_overlooked(
    database: Database, orders: Orders
) -> None:
    """The advancing transaction begins after the postponing one, but reaches the row first."""
    await orders.confirm_early()
    async with database.transaction() as postponing:
        await postponing.execute(text("SELECT 1"))  # its clock stands still from here
        async with database.transaction() as advancing:
            await inbox.advanced(advancing, "ord_1")
        await inbox.postpone(
            postponing, "cart-inbox", confirmed(), waiting_for="ord_1", seconds=300
        )
    async with database.transaction() as session:
        assert await inbox.seconds_until_due(session, "cart-inbox") == 0


async def test_no_wake_up_is_lost_between_many_runs_and_many_advances(
    database: Database, orders: Orders
) -> None:
    """Each message parks, and its aggregate advances at a random moment of its runs: all are done at once after."""
    count = trials(30, 300)
    early = [
        confirmed().model_copy(update={"id": str(uuid7()), "subject": f"ord_{n}"})
        for n in range(count)
    ]
    seen: Counter[str] = Counter()
    advanced: set[str] = set()

    async def on_confirmed(_: OrderConfirmed, context: HandlerContext) -> None:
        subject = context.envelope.subject
        if subject not in advanced:
            raise TooEarly(subject)
        seen[subject] += 1

    processor = Processor(
        consumer="cart-inbox",
        handlers={OrderConfirmed: on_confirmed},
        database=database,
        outbox_of=orders.outbox_of,
        transactions=5,
    )

    async def advance(subject: str) -> None:
        await asyncio.sleep(random.uniform(0, 0.2))  # noqa: S311 - any moment
        async with database.transaction() as session:
            advanced.add(subject)
            await inbox.advanced(session, subject)

    parked = [ParkedMessages(processor) for _ in range(2)]
    for one in early:
        await processor.process(one)
    await make_due(database)
    runs = [asyncio.create_task(advance(one.subject)) for one in early]
    while not all(run.done() for run in runs):
        await asyncio.gather(*(some.run_due() for some in parked))
    while await parked[0].run_due() == 0:
        continue
    assert seen == Counter(one.subject for one in early), "each ran, and none waits for its pause"


async def test_what_was_parked_before_a_long_absence_runs_at_the_start(
    database: Database, orders: Orders
) -> None:
    await orders.confirm_early()
    orders.placed = True
    async with database.transaction() as session:
        await session.execute(
            update(inbox_messages).values(retry_at=text("now() - interval '9 days'"))
        )
    async with running(Stopping(orders)):
        await eventually(lambda: orders.confirmed == 1)


async def test_a_parked_message_that_fails_is_tried_again_later(
    database: Database, orders: Orders
) -> None:
    await orders.confirm_early()
    orders.broken = True
    await make_due(database)
    await ParkedMessages(orders.processor).run_due()
    found = await row(database)
    assert (found.status, found.attempts, found.waiting_for) == ("parked", 2, "ord_1")


async def test_an_outbound_call_that_was_parked_is_made_later(
    database: Database, outbox_of: OutboxOf
) -> None:
    ready: list[str] = []
    calls: list[str] = []

    async def call(message: OrderConfirmed, _: Envelope) -> None:
        if not ready:
            raise TooEarly(message.order_id)
        calls.append(message.order_id)

    processor = Processor(
        consumer="cart-inbox",
        handlers={OrderConfirmed: OutsideTransaction(call)},
        database=database,
        outbox_of=outbox_of,
        transactions=5,
    )
    await processor.process(confirmed())
    ready.append("now")
    await make_due(database)
    await ParkedMessages(processor).run_due()
    assert calls == ["ord_1"]
    assert (await row(database)).status == "done"
