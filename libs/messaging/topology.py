"""Creates the topics, queues and subscriptions of the routing table; safe to repeat at any time.

For the local stack, tests and sandboxes.
"""

import json
from typing import Any

from botocore.exceptions import ClientError

from libs.messaging.broker import AwsBroker
from libs.messaging.routing import Queue, Routing, Subscription

_DAY_SECONDS = 86_400


async def declare(broker: AwsBroker, routing: Routing | None = None) -> None:
    """Make the broker's topology equal to the routing table, under the broker's prefix and in its region.

    Raises:
        botocore.exceptions.ClientError: AWS refused; the message names the resource.
        botocore.exceptions.BotoCoreError: the broker is away.
    """
    routing = routing or Routing.load()
    topics: dict[str, str] = {}
    for publisher, topic in routing.topics.items():
        response = await broker.sns.create_topic(Name=broker.full_name(topic))
        topics[publisher] = response["TopicArn"]
    for owner, queue in routing.event_queues.items():
        sources = [
            topics[subscription.publisher]
            for subscription in routing.subscriptions
            if subscription.consumer == owner
        ]
        await _declare_queue(broker, routing, queue, sources)
    for queue in routing.command_queues.values():
        await _declare_queue(broker, routing, queue, [])
    for subscription in routing.subscriptions:
        await _subscribe(broker, routing, subscription, topics[subscription.publisher])


async def _declare_queue(
    broker: AwsBroker, routing: Routing, queue: Queue, sources: list[str]
) -> None:
    dead = {"MessageRetentionPeriod": str(routing.retention_days.dead_letter * _DAY_SECONDS)}
    dead_arn = await _create_queue(broker, queue.dead_letter, dead)
    redrive = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": queue.max_receive_count}
    attributes = {
        "MessageRetentionPeriod": str(routing.retention_days.queue * _DAY_SECONDS),
        "VisibilityTimeout": str(queue.visibility_seconds),
        "ReceiveMessageWaitTimeSeconds": str(queue.long_poll_seconds),
        "RedrivePolicy": json.dumps(redrive),
    }
    arn = await _create_queue(broker, queue.name, attributes)
    if sources:
        for name, target in ((queue.name, arn), (queue.dead_letter, dead_arn)):
            policy = {"Policy": json.dumps(_accepting(sources, target))}
            await broker.sqs.set_queue_attributes(
                QueueUrl=await broker.queue_url(name), Attributes=policy
            )


async def _create_queue(broker: AwsBroker, name: str, attributes: dict[str, str]) -> str:
    fixed = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    created = await broker.sqs.create_queue(QueueName=broker.full_name(name), Attributes=fixed)
    url = created["QueueUrl"]
    await broker.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    described = await broker.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = described["Attributes"]["QueueArn"]
    return arn


def subscription_attributes(
    subscription: Subscription, region: str, dead_letter_arn: str
) -> dict[str, str]:
    """Return the SNS attributes of a subscription: raw bodies, filtered by type, undeliverable ones kept."""
    return {
        "RawMessageDelivery": "true",
        "FilterPolicy": json.dumps(subscription.filter_policy(region)),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letter_arn}),
    }


async def _subscribe(
    broker: AwsBroker, routing: Routing, subscription: Subscription, topic_arn: str
) -> None:
    queue = routing.event_queues[subscription.consumer]
    queue_arn = await _arn_of(broker, queue.name)
    attributes = subscription_attributes(
        subscription, broker.region, await _arn_of(broker, queue.dead_letter)
    )
    arn = await _subscription_arn(broker, topic_arn, queue_arn, attributes)
    for name, value in attributes.items():
        await broker.sns.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName=name, AttributeValue=value
        )


async def _subscription_arn(
    broker: AwsBroker, topic_arn: str, queue_arn: str, attributes: dict[str, str]
) -> str:
    try:
        response = await broker.sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint=queue_arn,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        arn: str = response["SubscriptionArn"]
    except ClientError as error:
        # It exists with other attributes, for example an older filter policy.
        if error.response.get("Error", {}).get("Code") not in {"InvalidParameter", "Conflict"}:
            raise
        arn = await _existing_subscription(broker, topic_arn, queue_arn)
    return arn


async def _existing_subscription(broker: AwsBroker, topic_arn: str, queue_arn: str) -> str:
    pages = broker.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    async for page in pages:
        for row in page["Subscriptions"]:
            if row["Endpoint"] == queue_arn:
                arn: str = row["SubscriptionArn"]
                return arn
    raise LookupError(f"{queue_arn} has no subscription to {topic_arn}")


async def _arn_of(broker: AwsBroker, queue: str) -> str:
    response = await broker.sqs.get_queue_attributes(
        QueueUrl=await broker.queue_url(queue), AttributeNames=["QueueArn"]
    )
    arn: str = response["Attributes"]["QueueArn"]
    return arn


def _accepting(topic_arns: list[str], queue_arn: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arns}},
            }
        ],
    }
