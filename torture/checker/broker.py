"""Looks into the queues of the SQS emulator."""

from typing import Final

import aioboto3

_DEAD: Final = ("-dead", "-dead.fifo")
_WAITING: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


async def depths(broker: str, *, dead: bool) -> dict[str, int]:
    """Count the messages, visible or being handled, in every dead-letter queue or in every other queue."""
    session = aioboto3.Session("local", "local", region_name="us-east-1")
    found = {}
    async with session.client("sqs", endpoint_url=broker) as sqs:
        for url in (await sqs.list_queues(MaxResults=1000)).get("QueueUrls", []):
            if url.endswith(_DEAD) == dead:
                answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_WAITING))
                found[url.rpartition("/")[2]] = sum(map(int, answer["Attributes"].values()))
    return found
