from collections.abc import Callable

import pytest
from sqlalchemy import Row, select

from libs.contracts.order import OrderPlaced
from libs.contracts.payment import CapturePayment
from libs.database.session import Database
from libs.messaging.envelope import Envelope, UnknownMessageTypeError
from libs.messaging.handlers import HandlerContext, Handlers, OutsideTransaction, TooEarly
from libs.messaging.processing import Outcome, Processor
from libs.messaging.tables import inbox_messages, outbox_messages
from libs.observability.context import causation_id_var, correlation_id_var
from libs.observability.tracing import current_traceparent
from tests.libs.messaging.traffic import OutboxOf, envelope

Make = Callable[[Handlers], Processor]


@pytest.fixture
def processor_with(database: Database, outbox_of: OutboxOf) -> Make:
    return lambda handlers: Processor(
        consumer="cart-inbox",
        handlers=handlers,
        database=database,
        outbox_of=outbox_of,
        transactions=5,
    )


async def inbox(database: Database) -> list[Row[*tuple[object, ...]]]:
    async with database.transaction() as session:
        return list((await session.execute(select(inbox_messages))).all())


async def outbox(database: Database) -> list[Envelope]:
    async with database.transaction() as session:
        rows = await session.scalars(select(outbox_messages.c.envelope))
        return [Envelope.from_json(row) for row in rows]


async def take_over(message: OrderPlaced, context: HandlerContext) -> None:
    """The effect: a command to payment."""
    await context.outbox.add(CapturePayment(order_id=message.order_id), aggregate_version=2)


async def test_effect_and_inbox_row_commit_together(
    database: Database, processor_with: Make
) -> None:
    processor = processor_with({OrderPlaced: take_over})
    assert await processor.process(envelope()) is Outcome.HANDLED
    [row] = await inbox(database)
    assert (row.consumer, row.type, row.subject) == ("cart-inbox", "order.placed.v1", "ord_1")
    assert (row.status, row.envelope) == ("done", None)
    assert len(await outbox(database)) == 1


async def test_a_message_that_comes_again_changes_nothing(
    database: Database, processor_with: Make
) -> None:
    processor = processor_with({OrderPlaced: take_over})
    await processor.process(envelope())
    assert await processor.process(envelope()) is Outcome.DUPLICATE
    assert len(await outbox(database)) == 1


async def test_a_failing_handler_leaves_nothing_behind(
    database: Database, processor_with: Make
) -> None:
    async def fail(message: OrderPlaced, context: HandlerContext) -> None:
        await take_over(message, context)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await processor_with({OrderPlaced: fail}).process(envelope())
    assert await inbox(database) == []
    assert await outbox(database) == []


async def test_what_a_handler_sends_names_its_cause_and_keeps_trace_and_correlation(
    database: Database, processor_with: Make
) -> None:
    trace = "1" * 32
    cause = envelope(traceparent=f"00-{trace}-{'2' * 16}-01", correlationid="req-1")
    await processor_with({OrderPlaced: take_over}).process(cause)
    [caused] = await outbox(database)
    assert caused.traceparent is not None
    assert caused.traceparent.split("-")[1] == trace
    assert caused.traceparent.split("-")[2] != "2" * 16
    assert (caused.causationid, caused.correlationid) == (cause.id, "req-1")


async def test_a_message_nobody_handles_is_an_error_not_a_loss(
    database: Database, processor_with: Make
) -> None:
    with pytest.raises(UnknownMessageTypeError, match="cart-inbox has no handler"):
        await processor_with({}).process(envelope())
    assert await inbox(database) == []


async def test_what_comes_too_early_is_parked_without_its_effects(
    database: Database, processor_with: Make
) -> None:
    async def early(message: OrderPlaced, context: HandlerContext) -> None:
        await take_over(message, context)
        raise TooEarly("cart crt_1")

    processor = processor_with({OrderPlaced: early})
    assert await processor.process(envelope()) is Outcome.PARKED
    [row] = await inbox(database)
    assert (row.status, row.waiting_for, row.attempts) == ("parked", "cart crt_1", 1)
    assert row.envelope == envelope(time=Envelope.from_json(str(row.envelope)).time).to_json()
    assert row.retry_at is not None
    assert await outbox(database) == []
    assert await processor.process(envelope()) is Outcome.DUPLICATE, "a copy need not be parked"


async def test_an_outbound_call_runs_with_no_transaction_open_and_is_recorded_after(
    database: Database, processor_with: Make
) -> None:
    seen: list[tuple[str, str | None, str | None, str]] = []

    async def call_provider(message: OrderPlaced, envelope: Envelope) -> None:
        assert await inbox(database) == []
        trace = current_traceparent().split("-")[1]
        seen.append((message.order_id, causation_id_var.get(), correlation_id_var.get(), trace))

    processor = processor_with({OrderPlaced: OutsideTransaction(call_provider)})
    sent = envelope(traceparent=f"00-{'1' * 32}-{'2' * 16}-01", correlationid="req-1")
    assert await processor.process(sent) is Outcome.HANDLED
    assert await processor.process(sent) is Outcome.DUPLICATE
    assert seen == [("ord_1", sent.id, "req-1", "1" * 32)]
    assert [row.status for row in await inbox(database)] == ["done"]


async def test_an_outbound_call_that_fails_is_not_recorded(
    database: Database, processor_with: Make
) -> None:
    async def call_provider(message: OrderPlaced, envelope: Envelope) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await processor_with({OrderPlaced: OutsideTransaction(call_provider)}).process(envelope())
    assert await inbox(database) == []


async def test_an_outbound_call_may_come_too_early_too(
    database: Database, processor_with: Make
) -> None:
    async def call_provider(message: OrderPlaced, envelope: Envelope) -> None:
        raise TooEarly("pay_1")

    processor = processor_with({OrderPlaced: OutsideTransaction(call_provider)})
    assert await processor.process(envelope()) is Outcome.PARKED
    assert [row.waiting_for for row in await inbox(database)] == ["pay_1"]


async def test_two_consumers_of_one_service_each_handle_a_message(
    database: Database, outbox_of: OutboxOf
) -> None:
    for consumer in ("first", "second"):
        processor = Processor(
            consumer=consumer,
            handlers={OrderPlaced: take_over},
            database=database,
            outbox_of=outbox_of,
            transactions=1,
        )
        assert await processor.process(envelope()) is Outcome.HANDLED
    assert len(await inbox(database)) == 2
