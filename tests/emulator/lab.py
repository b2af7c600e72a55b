"""Queues and topics of one experiment, deleted after it, and the calls every experiment makes."""

import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import ClientError

REGION: Final = "us-east-1"
OTHER_REGION: Final = "eu-west-1"
_READ_SECONDS: Final = 40

# aioboto3's clients and answers have no types at run time.
Answer = dict[str, Any]


@dataclass(frozen=True)
class Clients:
    """One target's clients by region."""

    sqs: Mapping[str, Any]
    sns: Mapping[str, Any]


@asynccontextmanager
async def open_clients(endpoint_url: str | None) -> AsyncIterator[Clients]:
    """Open clients; without an address they are AWS's own and use the credentials of the environment."""
    key = None if endpoint_url is None else "local"
    session = aioboto3.Session(aws_access_key_id=key, aws_secret_access_key=key)
    config = AioConfig(
        max_pool_connections=100,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 1},
        parameter_validation=False,
    )
    async with AsyncExitStack() as stack:
        opened: dict[str, dict[str, Any]] = {"sqs": {}, "sns": {}}
        for name, by_region in opened.items():
            for region in (REGION, OTHER_REGION):
                by_region[region] = await stack.enter_async_context(
                    session.client(
                        name, region_name=region, endpoint_url=endpoint_url, config=config
                    )
                )
        yield Clients(opened["sqs"], opened["sns"])


@dataclass(frozen=True)
class Queue:
    """A queue of this experiment."""

    sqs: Any
    url: str
    arn: str

    @property
    def fifo(self) -> bool:
        return self.url.endswith(".fifo")

    async def send(self, body: str = "a message", group: str = "g", **more: object) -> Answer:
        """Send a message; in a FIFO queue its body is its deduplication id unless another is given."""
        fixed = {"MessageGroupId": group, "MessageDeduplicationId": body} if self.fifo else {}
        answer: Answer = await self.sqs.send_message(
            QueueUrl=self.url, MessageBody=body, **{**fixed, **more}
        )
        return answer

    async def receive(
        self, *, visibility: int = 30, wait: int = 0, limit: int = 10
    ) -> list[Answer]:
        answer = await self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=limit,
            VisibilityTimeout=visibility,
            WaitTimeSeconds=wait,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        messages: list[Answer] = answer.get("Messages", [])
        return messages

    async def receive_one(self, *, visibility: int = 30, wait: int = 5) -> Answer:
        """Receive one message.

        Raises:
            AssertionError: none came.
        """
        found = await self.receive(visibility=visibility, wait=wait, limit=1)
        assert found, "no message came"
        return found[0]

    async def is_silent(self, *, wait: int = 1) -> bool:
        return await self.receive(wait=wait) == []

    async def delete(self, message: Answer) -> None:
        await self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    async def hide(self, message: Answer, seconds: int) -> None:
        await self.sqs.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
        )

    async def set(self, **attributes: str) -> None:
        await self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)


@dataclass(frozen=True)
class Topic:
    """A topic of this experiment."""

    sns: Any
    arn: str

    async def publish(self, body: str = "a message", **attributes: str) -> Answer:
        answer: Answer = await self.sns.publish(
            TopicArn=self.arn,
            Message=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )
        return answer

    async def subscribe(self, queue: Queue, **attributes: str) -> str:
        """Subscribe a queue, raw as all of ours are, and return the subscription's ARN."""
        answer = await self.sns.subscribe(
            TopicArn=self.arn,
            Protocol="sqs",
            Endpoint=queue.arn,
            Attributes={"RawMessageDelivery": "true", **attributes},
            ReturnSubscriptionArn=True,
        )
        arn: str = answer["SubscriptionArn"]
        return arn


@dataclass
class Lab:
    """Makes queues and topics under names of this experiment's own and deletes them with `close`."""

    clients: Clients
    prefix: str
    is_aws: bool = False
    _queues: list[Queue] = field(default_factory=list)
    _topics: list[Topic] = field(default_factory=list)

    async def queue(self, *, fifo: bool = False, region: str = REGION, **attributes: str) -> Queue:
        name = f"{self.prefix}-{len(self._queues)}{'.fifo' if fifo else ''}"
        sqs = self.clients.sqs[region]
        if fifo:
            attributes["FifoQueue"] = "true"
        created = await sqs.create_queue(QueueName=name, Attributes=attributes)
        described = await sqs.get_queue_attributes(
            QueueUrl=created["QueueUrl"], AttributeNames=["QueueArn"]
        )
        queue = Queue(sqs, created["QueueUrl"], described["Attributes"]["QueueArn"])
        self._queues.append(queue)
        return queue

    async def queue_with_dead_letters(
        self, *, receives: int, fifo: bool = False
    ) -> tuple[Queue, Queue]:
        """Make a queue that gives a message up after so many receives, and the queue it then goes to."""
        dead = await self.queue(fifo=fifo)
        policy = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": receives}
        return await self.queue(fifo=fifo, RedrivePolicy=json.dumps(policy)), dead

    async def topic(self) -> Topic:
        sns = self.clients.sns[REGION]
        created = await sns.create_topic(Name=f"{self.prefix}-{len(self._topics)}")
        topic = Topic(sns, created["TopicArn"])
        self._topics.append(topic)
        return topic

    async def queue_of(self, topic: Topic, *, region: str = REGION) -> Queue:
        """Make a queue that takes what the topic sends."""
        queue = await self.queue(region=region)
        await queue.set(Policy=json.dumps(_accepting(topic.arn, queue.arn)))
        return queue

    async def close(self) -> None:
        """Delete everything; what an experiment has deleted itself is gone already."""
        for topic in self._topics:
            await topic.sns.delete_topic(TopicArn=topic.arn)
        for queue in self._queues:
            await is_refused(queue.sqs.delete_queue(QueueUrl=queue.url))


async def is_refused(call: Awaitable[object]) -> bool:
    """Tell whether a call ends in an error of SNS or SQS."""
    try:
        await call
    except ClientError:
        return True
    return False


def _accepting(topic_arn: str, queue_arn: str) -> Answer:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
