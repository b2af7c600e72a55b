"""Outbox to handler over the real broker: nothing lost, one trace, a stop that hides nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from typing_extensions import override

from libs.clock import utc_now
from libs.contracts.order import OrderPlaced
from libs.contracts.payment import AuthorizePayment, CapturePayment
from libs.database.session import Database
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.consumer import Consumer
from libs.messaging.handlers import HandlerContext, Handlers
from libs.messaging.relay import Relay
from libs.messaging.republish import republish
from libs.messaging.routing import Queue, Routing
from libs.messaging.topology import declare
from libs.observability.context import bind
from libs.observability.tracing import current_traceparent, start_span
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import REGION, OutboxOf, placed, running

Add = Callable[..., Awaitable[list[str]]]
Make = Callable[[Queue, Handlers], Consumer]

CART = Routing.load().event_queues["cart"]
PAYMENT = Routing.load().command_queues["payment"]


@pytest.fixture
def consumer(database: Database, aws: AwsBroker, outbox_of: OutboxOf) -> Make:
    return lambda queue, handlers: Consumer(
        queue=queue,
        handlers=handlers,
        database=database,
        broker=aws,
        outbox_of=outbox_of,
        wait_seconds=1,
        redelivery_seconds=0,
    )


@pytest.fixture
async def undeclared(aws_endpoint_url: str, messaging_prefix: str) -> AsyncIterator[AwsBroker]:
    async with open_broker(
        region=REGION, endpoint_url=aws_endpoint_url, prefix=messaging_prefix
    ) as broker:
        yield broker


async def test_one_trace_from_the_request_to_the_last_consumer(
    database: Database, aws: AwsBroker, consumer: Make, wake: asyncio.Event, add: Add
) -> None:
    traces: dict[str, str] = {}

    async def on_placed(message: OrderPlaced, context: HandlerContext) -> None:
        traces["cart"] = current_traceparent().split("-")[1]
        assert context.envelope.correlationid == "req-1"
        await context.outbox.add(CapturePayment(order_id=message.order_id), aggregate_version=2)

    async def on_capture(_: CapturePayment, context: HandlerContext) -> None:
        assert context.envelope.correlationid == "req-1"
        traces["payment"] = current_traceparent().split("-")[1]

    with start_span("POST /v1/orders"), bind(correlation_id="req-1"):
        traces["request"] = current_traceparent().split("-")[1]
        await add(placed())
    async with running(
        Relay(database, aws, wake),
        consumer(CART, {OrderPlaced: on_placed}),
        consumer(PAYMENT, {CapturePayment: on_capture}),
    ):
        await eventually(lambda: len(traces) == 3)
    assert len(set(traces.values())) == 1


async def test_every_message_arrives_once_in_effect_and_commands_in_order(
    database: Database, aws: AwsBroker, consumer: Make, wake: asyncio.Event, add: Add
) -> None:
    events: list[str] = []
    commands: list[tuple[str, str]] = []

    async def on_placed(message: OrderPlaced, _: HandlerContext) -> None:
        events.append(message.order_id)

    async def on_authorize(message: AuthorizePayment, _: HandlerContext) -> None:
        commands.append((message.order_id, message.payment_method))

    orders = [f"ord_{n}" for n in range(20)]
    async with running(
        Relay(database, aws, wake),
        consumer(CART, {OrderPlaced: on_placed}),
        consumer(PAYMENT, {AuthorizePayment: on_authorize}),
    ):
        for order in orders:
            authorize = AuthorizePayment(
                order_id=order,
                user_id="usr_1",
                home_region=REGION,
                amount=placed().total,
                payment_method="1",
            )
            await add(
                placed(order), authorize, authorize.model_copy(update={"payment_method": "2"})
            )
        await eventually(lambda: len(events) == 20 and len(commands) == 40, timeout=20)
    assert sorted(events) == sorted(orders)
    for order in orders:
        assert [n for one, n in commands if one == order] == ["1", "2"]


async def test_a_consumer_may_start_before_its_queue_exists(
    database: Database,
    undeclared: AwsBroker,
    outbox_of: OutboxOf,
    wake: asyncio.Event,
    add: Add,
) -> None:
    seen: list[str] = []

    async def on_placed(message: OrderPlaced, _: HandlerContext) -> None:
        seen.append(message.order_id)

    await add(placed())
    reader = Consumer(
        queue=CART,
        handlers={OrderPlaced: on_placed},
        database=database,
        broker=undeclared,
        outbox_of=outbox_of,
        wait_seconds=1,
    )
    async with running(reader):
        await declare(undeclared)
        async with running(Relay(database, undeclared, wake)):
            await eventually(lambda: seen == ["ord_1"])


async def test_what_the_broker_lost_is_sent_again_and_the_rest_is_skipped(
    database: Database, aws: AwsBroker, consumer: Make, wake: asyncio.Event, add: Add
) -> None:
    since = utc_now()
    seen: list[str] = []

    async def on_placed(message: OrderPlaced, _: HandlerContext) -> None:
        seen.append(message.order_id)

    reader: Handlers = {OrderPlaced: on_placed}
    async with running(Relay(database, aws, wake), consumer(CART, reader)):
        await add(placed("ord_1"))
        await eventually(lambda: seen == ["ord_1"])
    await add(placed("ord_2"))
    await Relay(database, aws, wake).relay_once()
    await aws.sqs.purge_queue(QueueUrl=await aws.queue_url(CART.name))
    assert await republish(database, since) == 2
    assert await republish(database, since) == 0, "already on its way"
    async with running(Relay(database, aws, wake), consumer(CART, reader)):
        await eventually(lambda: seen == ["ord_1", "ord_2"])


async def test_only_what_is_recent_enough_is_sent_again(
    database: Database, aws: AwsBroker, wake: asyncio.Event, add: Add
) -> None:
    await add(placed())
    await Relay(database, aws, wake).relay_once()
    assert await republish(database, utc_now()) == 0


async def test_what_waited_in_the_outbox_and_was_sent_since_is_sent_again(
    database: Database, aws: AwsBroker, wake: asyncio.Event, add: Add
) -> None:
    await add(placed())
    since = utc_now()
    await Relay(database, aws, wake).relay_once()
    assert await republish(database, since) == 1


async def test_what_a_relay_was_sending_meanwhile_is_sent_again_too(
    database: Database, aws: AwsBroker, wake: asyncio.Event, add: Add
) -> None:
    class Slow(Relay):
        @override
        async def _record(self, *args: Any) -> None:
            sent.set()
            await answered.wait()
            await super()._record(*args)

    sent, answered, since = asyncio.Event(), asyncio.Event(), utc_now()
    await add(placed())
    relaying = asyncio.create_task(Slow(database, aws, wake).relay_once())
    await sent.wait()
    again = asyncio.create_task(republish(database, since))
    assert await asyncio.wait({again}, timeout=0.3) == (set(), {again})
    answered.set()
    await relaying
    assert await again == 1
