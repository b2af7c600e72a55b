"""SNS and SQS behind the `Broker` protocol: the one module that calls AWS for messages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from libs.aws import aws_session
from libs.messaging.transport import BATCH_SIZE, BrokerError, Delivery, Outgoing

BATCH_BYTES: Final = 240_000
"""SNS and SQS count a whole batch against their 256 KiB; the rest is room for attributes."""

PUBLISH_SECONDS: Final = 8.0
_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 30  # above the longest long poll
_FAILURES: Final = (ClientError, BotoCoreError, OSError, TimeoutError)
_SYSTEM_ATTRIBUTES: Final = ("ApproximateReceiveCount", "MessageGroupId", "SentTimestamp")

T = TypeVar("T")


class AwsBroker:
    """Publishes to SNS topics and SQS queues and receives from SQS; `prefix` is put before every name.

    `sns` and `sqs` are aioboto3 clients, whose types exist at development time only.
    """

    def __init__(self, sns: Any, sqs: Any, sts: Any, *, region: str, prefix: str) -> None:
        self.sns = sns
        self.sqs = sqs
        self.region = region
        self.prefix = prefix
        self._sts = sts
        self._account: tuple[str, str] | None = None
        self._queue_urls: dict[str, str] = {}

    async def publish(self, destination: str, messages: Sequence[Outgoing]) -> Mapping[str, str]:
        batches = list(_batches(messages))
        answers = await asyncio.gather(
            *(self._publish_batch(destination, batch) for batch in batches)
        )
        return {id_: reason for answer in answers for id_, reason in answer.items()}

    async def receive(
        self, queue: str, *, limit: int, wait_seconds: int, visibility_seconds: int
    ) -> list[Delivery]:
        response = await self._call(
            queue,
            self.sqs.receive_message(
                QueueUrl=await self.queue_url(queue),
                MaxNumberOfMessages=min(limit, BATCH_SIZE),
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=visibility_seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=_SYSTEM_ATTRIBUTES,
            ),
        )
        return [_delivery(message) for message in response.get("Messages", ())]

    async def acknowledge(self, queue: str, receipts: Sequence[str]) -> Sequence[str]:
        url = await self.queue_url(queue)
        failed: list[str] = []
        for chunk in _chunks(receipts):
            entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(chunk)]
            response = await self._call(
                queue, self.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
            )
            failed += _failed_receipts(response, chunk)
        return failed

    async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
        url = await self.queue_url(queue)
        failed: list[str] = []
        for chunk in _chunks(receipts):
            entries = [
                {"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                for n, handle in enumerate(chunk)
            ]
            response = await self._call(
                queue, self.sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
            )
            failed += _failed_receipts(response, chunk)
        return failed

    async def depth(self, queue: str) -> int:
        name = "ApproximateNumberOfMessages"
        response = await self._call(
            queue,
            self.sqs.get_queue_attributes(
                QueueUrl=await self.queue_url(queue), AttributeNames=[name]
            ),
        )
        return int(response["Attributes"][name])

    def full_name(self, name: str) -> str:
        """Return a topic's or queue's name at the broker."""
        return f"{self.prefix}-{name}"

    async def queue_url(self, queue: str) -> str:
        """Return a queue's address, remembered until a call on it fails.

        Raises:
            BrokerError: the broker is away or has no such queue.
        """
        if queue not in self._queue_urls:
            response = await self._call(
                queue, self.sqs.get_queue_url(QueueName=self.full_name(queue))
            )
            self._queue_urls[queue] = response["QueueUrl"]
        return self._queue_urls[queue]

    async def topic_arn(self, topic: str) -> str:
        """Return a topic's ARN. The account is asked for once: it needs no permission, unlike listing topics.

        Raises:
            BrokerError: the broker is away.
        """
        if self._account is None:
            identity = await self._call("", self._sts.get_caller_identity())
            self._account = (identity["Arn"].split(":")[1], identity["Account"])
        partition, account = self._account
        return f"arn:{partition}:sns:{self.region}:{account}:{self.full_name(topic)}"

    async def _publish_batch(
        self, destination: str, batch: Sequence[Outgoing]
    ) -> Mapping[str, str]:
        kind, _, name = destination.partition(":")
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                if kind == "topic":
                    response = await self.sns.publish_batch(
                        TopicArn=await self.topic_arn(name),
                        PublishBatchRequestEntries=_entries(batch, body="Message"),
                    )
                else:
                    response = await self._call(
                        name,
                        self.sqs.send_message_batch(
                            QueueUrl=await self.queue_url(name),
                            Entries=_entries(batch, body="MessageBody"),
                        ),
                    )
        except (*_FAILURES, BrokerError) as error:
            reason = f"{type(error).__name__}: {error}"
            return {message.id: reason for message in batch}
        return {
            batch[int(failure["Id"])].id: f"{failure['Code']}: {failure.get('Message', '')}"
            for failure in response.get("Failed", ())
        }

    async def _call(self, queue: str, call: Awaitable[T]) -> T:
        try:
            return await call
        except _FAILURES as error:
            # The queue may have been made again elsewhere, so its address is looked up again.
            self._queue_urls.pop(queue, None)
            raise BrokerError(f"{type(error).__name__}: {error}") from error


@asynccontextmanager
async def open_broker(
    *, region: str, endpoint_url: str | None = None, prefix: str = "meridian", pollers: int = 4
) -> AsyncIterator[AwsBroker]:
    """Open one client per AWS service; nothing is called yet, so the broker may be away.

    Each poller holds a connection while it waits, so the pool has room for `pollers` twice and ten more.
    """
    config = AioConfig(
        max_pool_connections=pollers * 2 + 10,
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
        parameter_validation=False,
    )
    session = aws_session(region, endpoint_url)
    async with AsyncExitStack() as stack:
        sns, sqs, sts = [
            await stack.enter_async_context(
                session.client(name, endpoint_url=endpoint_url, config=config)
            )
            for name in ("sns", "sqs", "sts")
        ]
        yield AwsBroker(sns, sqs, sts, region=region, prefix=prefix)


def _chunks(receipts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(receipts), BATCH_SIZE):
        yield receipts[start : start + BATCH_SIZE]


def _batches(messages: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    batch: list[Outgoing] = []
    size = 0
    for message in messages:
        length = len(message.body.encode())
        if batch and (len(batch) == BATCH_SIZE or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch


def _entries(batch: Sequence[Outgoing], *, body: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for number, message in enumerate(batch):
        entry: dict[str, Any] = {
            "Id": str(number),
            body: message.body,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value}
                for name, value in message.attributes.items()
            },
        }
        if message.group is not None:
            entry["MessageGroupId"] = message.group
            entry["MessageDeduplicationId"] = message.deduplication_id or message.id
        entries.append(entry)
    return entries


def _failed_receipts(response: Mapping[str, Any], receipts: Sequence[str]) -> list[str]:
    return [receipts[int(failure["Id"])] for failure in response.get("Failed", ())]


def _delivery(message: Mapping[str, Any]) -> Delivery:
    system = message.get("Attributes", {})
    return Delivery(
        body=message["Body"],
        receipt=message["ReceiptHandle"],
        receive_count=int(system.get("ApproximateReceiveCount", 1)),
        attributes={
            name: value.get("StringValue", "")
            for name, value in message.get("MessageAttributes", {}).items()
        },
        group=system.get("MessageGroupId"),
        sent_at=_moment(system.get("SentTimestamp")),
    )


def _moment(milliseconds: str | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
