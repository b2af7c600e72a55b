"""Experiments about fan-out: raw bodies, filters, regions, and what cannot be delivered."""

import json
from typing import Final

from libs.messaging.routing import Routing, Subscription
from tests.emulator.lab import OTHER_REGION, REGION, Lab

MOST_ATTRIBUTES: Final = 10


async def a_raw_delivery_is_the_message_itself_with_its_attributes(lab: Lab) -> None:
    topic = await lab.topic()
    queue = await lab.queue_of(topic)
    await topic.subscribe(queue)
    await topic.publish('{"id": "1"}', type="order.placed.v1", originregion=REGION)
    message = await queue.receive_one()
    assert message["Body"] == '{"id": "1"}'
    attributes = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
    assert attributes == {"type": "order.placed.v1", "originregion": REGION}


async def a_raw_delivery_with_more_than_ten_attributes_is_dropped(lab: Lab) -> None:
    topic = await lab.topic()
    queue = await lab.queue_of(topic)
    await topic.subscribe(queue)
    await topic.publish(**{f"a{number}": "x" for number in range(MOST_ATTRIBUTES + 1)})
    assert await queue.is_silent(wait=2)


async def a_filter_passes_the_types_of_the_routing_table_only(lab: Lab) -> None:
    subscription = Subscription(
        publisher="order", consumer="cart", kind="process", types=("order.placed.v1",)
    )
    topic = await lab.topic()
    queue = await lab.queue_of(topic)
    await topic.subscribe(queue, FilterPolicy=json.dumps(subscription.filter_policy(REGION)))
    await topic.publish("another type", type="order.failed.v1", originregion=REGION)
    await topic.publish("another region", type="order.placed.v1", originregion=OTHER_REGION)
    await topic.publish("nothing said")
    await topic.publish("wanted", type="order.placed.v1", originregion=REGION)
    assert (await queue.receive_one())["Body"] == "wanted"
    assert await queue.is_silent()


async def a_replica_filter_passes_every_region_but_its_own(lab: Lab) -> None:
    subscription = Subscription(
        publisher="order", consumer="cart", kind="replica", types=("order.placed.v1",)
    )
    topic = await lab.topic()
    queue = await lab.queue_of(topic)
    await topic.subscribe(queue, FilterPolicy=json.dumps(subscription.filter_policy(REGION)))
    await topic.publish("own", type="order.placed.v1", originregion=REGION)
    await topic.publish("other", type="order.placed.v1", originregion=OTHER_REGION)
    assert (await queue.receive_one())["Body"] == "other"
    assert await queue.is_silent()


async def a_queue_in_another_region_can_subscribe(lab: Lab) -> None:
    topic = await lab.topic()
    queue = await lab.queue_of(topic, region=OTHER_REGION)
    await topic.subscribe(queue)
    await topic.publish("from afar")
    assert (await queue.receive_one(wait=10))["Body"] == "from afar"


async def what_cannot_be_delivered_goes_to_the_subscriptions_dead_letters(lab: Lab) -> None:
    topic = await lab.topic()
    queue, dead = await lab.queue_of(topic), await lab.queue_of(topic)
    policy = json.dumps({"deadLetterTargetArn": dead.arn})
    await topic.subscribe(queue, RedrivePolicy=policy)
    await queue.sqs.delete_queue(QueueUrl=queue.url)
    await topic.publish("undeliverable")
    assert "undeliverable" in (await dead.receive_one(wait=10))["Body"]


async def a_queue_whose_policy_does_not_name_the_topic_gets_nothing(lab: Lab) -> None:
    topic = await lab.topic()
    queue = await lab.queue()
    await topic.subscribe(queue)
    await topic.publish()
    assert await queue.is_silent(wait=2)


async def subscribing_again_gives_the_same_subscription(lab: Lab) -> None:
    topic = await lab.topic()
    queue = await lab.queue_of(topic)
    assert await topic.subscribe(queue) == await topic.subscribe(queue)
    await topic.publish()
    assert len(await queue.receive(wait=3)) == 1
    assert await queue.is_silent()


async def every_filter_of_the_routing_table_is_accepted(lab: Lab) -> None:
    topic = await lab.topic()
    for subscription in Routing.load().subscriptions:
        queue = await lab.queue_of(topic)
        await topic.subscribe(queue, FilterPolicy=json.dumps(subscription.filter_policy(REGION)))


EXPERIMENTS: Final = (
    a_raw_delivery_is_the_message_itself_with_its_attributes,
    a_raw_delivery_with_more_than_ten_attributes_is_dropped,
    a_filter_passes_the_types_of_the_routing_table_only,
    a_replica_filter_passes_every_region_but_its_own,
    a_queue_in_another_region_can_subscribe,
    what_cannot_be_delivered_goes_to_the_subscriptions_dead_letters,
    a_queue_whose_policy_does_not_name_the_topic_gets_nothing,
    subscribing_again_gives_the_same_subscription,
    every_filter_of_the_routing_table_is_accepted,
)
