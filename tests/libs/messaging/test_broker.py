import asyncio
from collections.abc import Sequence

import pytest
from botocore.exceptions import ClientError

from libs.contracts.order import OrderConfirmed
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.routing import Routing
from libs.messaging.topology import declare
from libs.messaging.transport import BrokerError, Delivery, Outgoing
from libs.testing.waiting import eventually
from tests.libs.messaging.traffic import REGION, command, event, outgoing, placed

CART = Routing.load().event_queues["cart"]
PAYMENT = Routing.load().command_queues["payment"]


def attributed(message: Outgoing, region: str = REGION) -> Outgoing:
    attributes = {**message.attributes, "originregion": region, "traceparent": "00-1-2-01"}
    return Outgoing(message.id, message.body, attributes, message.group)


async def take(aws: AwsBroker, queue: str, *, hidden_for: int = 30) -> list[Delivery]:
    return await aws.receive(queue, limit=10, wait_seconds=1, visibility_seconds=hidden_for)


async def test_an_event_reaches_only_the_queues_that_asked_for_its_type(aws: AwsBroker) -> None:
    wanted = attributed(event())
    unwanted = attributed(
        outgoing(OrderConfirmed(order_id="ord_1", user_id="usr_1", total=placed().total))
    )
    assert await aws.publish("topic:order-events", [unwanted, wanted]) == {}
    [delivery] = await take(aws, CART.name)
    assert delivery.body == wanted.body, "raw: the body is the envelope itself"
    assert delivery.attributes == wanted.attributes
    assert await take(aws, "order-inbox") == []


async def test_a_process_subscription_ignores_other_regions(aws: AwsBroker) -> None:
    await aws.publish("topic:order-events", [attributed(event(), "ap-south-1")])
    assert await take(aws, CART.name) == []


async def test_more_than_ten_and_more_than_a_batch_may_weigh_go_in_several_calls(
    aws: AwsBroker,
) -> None:
    heavy = Outgoing("heavy", "x" * 200_000, {"type": "order.placed.v1"})
    many = [
        heavy,
        Outgoing("heavy too", "x" * 200_000, {}),
        *(event(str(n)) for n in range(23)),
    ]
    assert await aws.publish(f"queue:{CART.name}", many) == {}
    received: list[str] = []
    while batch := await take(aws, CART.name):
        received += [delivery.body for delivery in batch]
    assert sorted(received) == sorted(message.body for message in many)


async def test_commands_of_a_group_keep_their_order_and_repeated_ids_are_dropped(
    aws: AwsBroker,
) -> None:
    commands = [command("ord_1", str(n)) for n in range(3)]
    for one in commands:
        assert await aws.publish(f"queue:{PAYMENT.name}", [one]) == {}
    await aws.publish(f"queue:{PAYMENT.name}", [commands[0]])
    deliveries = await take(aws, PAYMENT.name)
    assert [delivery.body for delivery in deliveries] == [one.body for one in commands]
    assert {delivery.group for delivery in deliveries} == {"ord_1"}
    assert await aws.acknowledge(PAYMENT.name, [one.receipt for one in deliveries]) == []
    assert await take(aws, PAYMENT.name) == []


async def test_a_hidden_message_comes_back_at_once_when_given_back(aws: AwsBroker) -> None:
    await aws.publish(f"queue:{CART.name}", [event()])
    [first] = await take(aws, CART.name)
    assert await take(aws, CART.name) == []
    assert await aws.hide(CART.name, [first.receipt], 0) == []
    [second] = await take(aws, CART.name)
    assert (first.receive_count, second.receive_count) == (1, 2)


async def test_receipts_that_mean_nothing_are_reported(aws: AwsBroker) -> None:
    assert await aws.hide(CART.name, ["nonsense"], 0) == ["nonsense"]


async def test_what_a_missing_destination_refuses_is_told_per_message(aws: AwsBroker) -> None:
    first, second = event(), event()
    for destination in ("topic:nowhere", "queue:nowhere"):
        refused = await aws.publish(destination, [first, second])
        assert set(refused) == {first.id, second.id}


async def test_single_messages_of_a_batch_can_be_refused(
    aws: AwsBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def partly(**arguments: Sequence[object]) -> dict[str, object]:
        assert len(arguments["PublishBatchRequestEntries"]) == 2
        return {"Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]}

    monkeypatch.setattr(aws.sns, "publish_batch", partly)
    first, second = event(), event()
    refused = await aws.publish("topic:order-events", [first, second])
    assert list(refused) == [second.id]
    assert refused[second.id].startswith("InternalError")


async def test_a_broker_that_is_away_is_an_error_to_readers_and_an_answer_to_writers() -> None:
    async with open_broker(region=REGION, endpoint_url="http://127.0.0.1:9") as nobody:
        with pytest.raises(BrokerError):
            await take(nobody, CART.name)
        one = event()
        assert set(await nobody.publish("topic:order-events", [one])) == {one.id}


async def test_a_waiting_poll_wakes_when_a_message_comes(aws: AwsBroker) -> None:
    poll = asyncio.create_task(
        aws.receive(CART.name, limit=10, wait_seconds=20, visibility_seconds=30)
    )
    await aws.publish("topic:order-events", [attributed(event())])
    async with asyncio.timeout(15):
        assert len(await poll) == 1


async def test_a_message_received_too_often_is_a_dead_letter(aws: AwsBroker) -> None:
    await aws.publish(f"queue:{CART.name}", [event()])
    for _ in range(CART.max_receive_count):
        assert len(await take(aws, CART.name, hidden_for=0)) == 1
    assert await take(aws, CART.name, hidden_for=0) == []

    async def buried() -> bool:
        return await aws.depth(CART.dead_letter) == 1

    await eventually(buried)


async def subscriptions_of_cart(aws: AwsBroker) -> list[str]:
    """Return what cart's queue is subscribed to order's topic with."""
    arn = await aws.topic_arn("order-events")
    page = await aws.sns.list_subscriptions_by_topic(TopicArn=arn)
    return [
        one["SubscriptionArn"]
        for one in page["Subscriptions"]
        if one["Endpoint"].endswith(CART.name)
    ]


async def test_declaring_again_changes_nothing_and_repairs_what_differs(aws: AwsBroker) -> None:
    [subscription] = await subscriptions_of_cart(aws)
    await aws.sns.set_subscription_attributes(
        SubscriptionArn=subscription,
        AttributeName="FilterPolicy",
        AttributeValue='{"type": ["order.shipped.v1"]}',
    )
    await declare(aws)
    assert await subscriptions_of_cart(aws) == [subscription]
    message = attributed(event())
    await aws.publish("topic:order-events", [message])
    assert [delivery.body for delivery in await take(aws, CART.name)] == [message.body]


async def test_a_subscription_aws_calls_different_is_found_and_updated(
    aws: AwsBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def exists_with_other_attributes(**_: object) -> None:
        message = "Subscription already exists with different attributes"
        raise ClientError({"Error": {"Code": "InvalidParameter", "Message": message}}, "Subscribe")

    monkeypatch.setattr(aws.sns, "subscribe", exists_with_other_attributes)
    await declare(aws)
    assert len(await subscriptions_of_cart(aws)) == 1


async def test_what_aws_refuses_is_not_taken_for_an_existing_subscription(
    aws: AwsBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def denied(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AuthorizationError", "Message": "no"}}, "Subscribe")

    monkeypatch.setattr(aws.sns, "subscribe", denied)
    with pytest.raises(ClientError, match="AuthorizationError"):
        await declare(aws)
