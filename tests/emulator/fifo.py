"""Experiments about order, groups and deduplication."""

import asyncio
from typing import Final

from tests.emulator.lab import Lab, Queue

DEDUPLICATION_SECONDS: Final = 300


async def _bodies(queue: Queue, *, wait: int = 1) -> list[str]:
    return [message["Body"] for message in await queue.receive(wait=wait)]


async def a_group_keeps_its_order(lab: Lab) -> None:
    queue = await lab.queue(fifo=True)
    for number in range(7):
        await queue.send(str(number), group="a")
    received: list[str] = []
    while len(received) < 7:
        message = await queue.receive_one()
        received.append(message["Body"])
        await queue.delete(message)
    assert received == [str(number) for number in range(7)]


async def a_group_waits_while_one_of_its_messages_is_in_flight(lab: Lab) -> None:
    queue = await lab.queue(fifo=True)
    await queue.send("a1", group="a")
    await queue.send("a2", group="a")
    first = await queue.receive_one()
    await queue.send("b1", group="b")
    assert await _bodies(queue) == ["b1"], "only the other group may go on"
    await queue.delete(first)
    assert await _bodies(queue, wait=5) == ["a2"]


async def a_message_given_back_stays_before_the_rest_of_its_group(lab: Lab) -> None:
    queue = await lab.queue(fifo=True)
    await queue.send("a1", group="a")
    await queue.send("a2", group="a")
    await queue.hide(await queue.receive_one(), 0)
    assert (await queue.receive_one())["Body"] == "a1"


async def a_repeated_deduplication_id_is_accepted_and_dropped(lab: Lab) -> None:
    queue = await lab.queue(fifo=True)
    first = await queue.send("same")
    again = await queue.send("same")
    assert again["MessageId"] == first["MessageId"]
    assert await _bodies(queue) == ["same"]


async def a_deduplication_id_is_remembered_after_the_message_is_deleted(lab: Lab) -> None:
    queue = await lab.queue(fifo=True)
    await queue.send("same")
    await queue.delete(await queue.receive_one())
    await queue.send("same")
    assert await queue.is_silent()


async def a_deduplication_id_counts_for_the_whole_queue(lab: Lab) -> None:
    queue = await lab.queue(fifo=True)
    await queue.send("same", group="a")
    await queue.send("same", group="b")
    assert await _bodies(queue) == ["same"]


async def a_deduplication_id_can_be_made_to_count_for_its_group_only(lab: Lab) -> None:
    queue = await lab.queue(
        fifo=True, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId"
    )
    await queue.send("same", group="a")
    await queue.send("same", group="b")
    assert await _bodies(queue) == ["same", "same"]


async def a_deduplication_id_is_forgotten_after_five_minutes(lab: Lab) -> None:
    queue = await lab.queue(fifo=True)
    await queue.send("same")
    await queue.delete(await queue.receive_one())
    await asyncio.sleep(DEDUPLICATION_SECONDS + 5)
    await queue.send("same")
    await queue.receive_one()


EXPERIMENTS: Final = (
    a_group_keeps_its_order,
    a_group_waits_while_one_of_its_messages_is_in_flight,
    a_message_given_back_stays_before_the_rest_of_its_group,
    a_repeated_deduplication_id_is_accepted_and_dropped,
    a_deduplication_id_is_remembered_after_the_message_is_deleted,
    a_deduplication_id_counts_for_the_whole_queue,
    a_deduplication_id_can_be_made_to_count_for_its_group_only,
    a_deduplication_id_is_forgotten_after_five_minutes,
)
