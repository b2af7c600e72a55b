import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from libs.contracts.payment import CapturePayment, PaymentVoided
from libs.database.session import Database
from libs.messaging.envelope import Envelope
from libs.messaging.tables import outbox_messages
from libs.observability.context import bind
from libs.observability.tracing import current_traceparent, start_span
from tests.libs.messaging.traffic import OutboxOf, placed

Add = Callable[..., Awaitable[list[str]]]


async def envelopes(database: Database) -> list[Envelope]:
    async with database.transaction() as session:
        rows = await session.scalars(
            select(outbox_messages.c.envelope).order_by(outbox_messages.c.position)
        )
        return [Envelope.from_json(row) for row in rows]


async def test_a_message_commits_with_its_transaction_and_wakes_the_relay_after(
    database: Database, outbox_of: OutboxOf, wake: asyncio.Event
) -> None:
    async with database.transaction() as session:
        await outbox_of(session).add(placed(), aggregate_version=3)
        assert not wake.is_set()
    assert wake.is_set()
    [envelope] = await envelopes(database)
    assert envelope.message() == placed()
    assert envelope.aggregateversion == 3
    assert envelope.source == "/meridian/us-east-1/order"
    assert envelope.originregion == "us-east-1"


async def test_a_rolled_back_message_never_existed(
    database: Database, outbox_of: OutboxOf, wake: asyncio.Event
) -> None:
    async def fail() -> None:
        async with database.transaction() as session:
            await outbox_of(session).add(placed(), aggregate_version=1)
            raise RuntimeError("the order came to nothing")

    with pytest.raises(RuntimeError):
        await fail()
    assert await envelopes(database) == []
    assert not wake.is_set()


async def test_only_the_owner_of_an_aggregate_tells_of_it(add: Add) -> None:
    with pytest.raises(ValueError, match=r"payment\.voided\.v1 is published by payment"):
        await add(PaymentVoided(payment_id="pay_1", order_id="ord_1"))


async def test_anybody_may_send_a_command_and_it_is_grouped_by_subject(
    database: Database, add: Add
) -> None:
    await add(CapturePayment(order_id="ord_1"))
    async with database.transaction() as session:
        row = (await session.execute(select(outbox_messages))).one()
    assert (row.destination, row.group_id) == ("queue:payment-commands.fifo", "ord_1")


async def test_trace_cause_and_correlation_travel_along(database: Database, add: Add) -> None:
    with start_span("POST /v1/orders"), bind(correlation_id="req-1", causation_id="evt-1"):
        trace_id = current_traceparent().split("-")[1]
        await add(placed())
    [envelope] = await envelopes(database)
    assert envelope.traceparent is not None
    assert envelope.traceparent.split("-")[1] == trace_id
    assert (envelope.correlationid, envelope.causationid) == ("req-1", "evt-1")


async def test_a_story_that_begins_here_is_named_after_request_or_message(
    database: Database, add: Add
) -> None:
    [first] = await add(placed())
    with bind(request_id="req-2"):
        await add(placed("ord_2"))
    assert [one.correlationid for one in await envelopes(database)] == [first, "req-2"]
