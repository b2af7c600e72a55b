"""The proxy has to be as unruly as it says, and must lose nothing: other tests rely on both."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.routing import Routing
from libs.messaging.topology import declare
from libs.messaging.transport import BrokerError, Outgoing
from libs.testing.servers import free_port, running_unruly
from libs.testing.unruly import FIGURES_PATH, Unruliness

STANDARD = Routing.load().event_queues["cart"].name
FIFO = Routing.load().command_queues["payment"].name
UNRULY = Unruliness(seed=7, duplicates=0.3, held_back=0.3, window_seconds=0.2)


@pytest.fixture(scope="module")
def proxy(ministack: str) -> Iterator[str]:
    with running_unruly(ministack, UNRULY) as url:
        yield url


@pytest.fixture
async def broker(proxy: str, messaging_prefix: str) -> AsyncIterator[AwsBroker]:
    async with open_broker(
        region="us-east-1", endpoint_url=proxy, prefix=messaging_prefix
    ) as opened:
        await declare(opened)
        yield opened


async def left(broker: AwsBroker, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = await broker.sqs.get_queue_attributes(
        QueueUrl=await broker.queue_url(queue), AttributeNames=names
    )
    return sum(int(answer["Attributes"][name]) for name in names)


async def drained(broker: AwsBroker, queue: str, *, readers: int = 2) -> list[str]:
    """Receive and acknowledge until the queue is empty; two readers, as duplicates may come side by side."""
    seen: list[str] = []

    async def read() -> None:
        while await left(broker, queue):
            deliveries = await broker.receive(
                queue, limit=10, wait_seconds=1, visibility_seconds=30
            )
            seen.extend(delivery.body for delivery in deliveries)
            if deliveries:
                await broker.acknowledge(queue, [one.receipt for one in deliveries])

    await asyncio.gather(*(read() for _ in range(readers)))
    return seen


async def test_messages_of_a_standard_queue_come_late_and_twice_but_all_of_them_come(
    broker: AwsBroker, proxy: str
) -> None:
    sent = [f"{n:03}" for n in range(100)]
    await broker.publish(f"queue:{STANDARD}", [Outgoing(id=body, body=body) for body in sent])
    seen = await drained(broker, STANDARD)
    assert set(seen) == set(sent)
    assert len(seen) > len(sent), "some came twice"
    firsts = list(dict.fromkeys(seen))
    assert firsts != sent, "some came out of order"
    async with httpx.AsyncClient() as http:
        figures = (await http.get(proxy + FIGURES_PATH)).json()
    assert figures["duplicated"] > 0
    assert figures["held_back"] > 0


async def test_a_fifo_group_keeps_its_order_although_messages_come_twice(broker: AwsBroker) -> None:
    sent = [(f"g{n % 5}", f"{n:03}") for n in range(60)]
    for group, body in sent:
        await broker.publish(f"queue:{FIFO}", [Outgoing(id=body, body=body, group=group)])
    seen = await drained(broker, FIFO)
    assert max(Counter(seen).values()) > 1, "some came twice"
    group_of = {body: group for group, body in sent}
    in_order: dict[str, list[str]] = defaultdict(list)
    for body in dict.fromkeys(seen):
        in_order[group_of[body]].append(body)
    assert sorted(body for bodies in in_order.values() for body in bodies) == sorted(group_of)
    assert all(bodies == sorted(bodies) for bodies in in_order.values())


async def test_a_kind_proxy_changes_nothing(ministack: str, messaging_prefix: str) -> None:
    sent = [f"{n:03}" for n in range(30)]
    with running_unruly(ministack, Unruliness(duplicates=0, held_back=0)) as url:
        async with open_broker(
            region="us-east-1", endpoint_url=url, prefix=messaging_prefix
        ) as broker:
            await declare(broker)
            messages = [Outgoing(id=body, body=body) for body in sent]
            await broker.publish(f"queue:{STANDARD}", messages)
            assert sorted(await drained(broker, STANDARD, readers=1)) == sent


async def test_an_emulator_that_is_away_is_a_broker_that_is_away() -> None:
    with running_unruly(f"http://127.0.0.1:{free_port()}", Unruliness()) as url:
        async with open_broker(region="us-east-1", endpoint_url=url) as broker:
            with pytest.raises(BrokerError, match="no emulator behind"):
                await broker.depth(STANDARD)
