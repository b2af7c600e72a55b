"""Experiments about who sees a message when."""

import asyncio
from typing import Final

from tests.emulator.lab import Lab, is_refused


async def a_message_comes_again_when_its_visibility_expires(lab: Lab) -> None:
    queue = await lab.queue()
    await queue.send()
    first = await queue.receive_one(visibility=3)
    assert await queue.is_silent(wait=0), "it was seen again while invisible"
    second = await queue.receive_one(wait=10)
    assert first["MessageId"] == second["MessageId"]
    assert first["ReceiptHandle"] != second["ReceiptHandle"]


async def an_extension_counts_from_the_call(lab: Lab) -> None:
    queue = await lab.queue()
    await queue.send()
    message = await queue.receive_one(visibility=3)
    await asyncio.sleep(1.5)
    await queue.hide(message, 6)
    assert await queue.is_silent(wait=3), "the first visibility still counted"
    await queue.receive_one(wait=10)


async def visibility_zero_gives_a_message_back_at_once(lab: Lab) -> None:
    for fifo in (False, True):
        queue = await lab.queue(fifo=fifo)
        await queue.send()
        await queue.hide(await queue.receive_one(), 0)
        await queue.receive_one(wait=2)


async def a_late_delete_with_an_old_receipt_is_no_error(lab: Lab) -> None:
    queue = await lab.queue()
    await queue.send()
    old = await queue.receive_one(visibility=1)
    await queue.receive_one(wait=10)
    assert not await is_refused(queue.delete(old)), "the delete was refused"


async def a_fifo_queue_refuses_an_expired_receipt(lab: Lab) -> None:
    queue = await lab.queue(fifo=True)
    await queue.send()
    old = await queue.receive_one(visibility=1)
    await asyncio.sleep(1.5)
    assert await is_refused(queue.delete(old)), "a receipt that had expired still deleted"


async def a_nonsense_receipt_is_refused(lab: Lab) -> None:
    queue = await lab.queue()
    assert await is_refused(queue.sqs.delete_message(QueueUrl=queue.url, ReceiptHandle="nonsense"))


async def each_receipt_is_counted(lab: Lab) -> None:
    queue = await lab.queue()
    await queue.send()
    for expected in ("1", "2", "3"):
        message = await queue.receive_one(wait=5)
        assert message["Attributes"]["ApproximateReceiveCount"] == expected
        await queue.hide(message, 0)


async def a_delayed_message_is_not_seen_before_its_time(lab: Lab) -> None:
    queue = await lab.queue()
    await queue.send(DelaySeconds=3)
    assert await queue.is_silent(wait=0)
    await queue.receive_one(wait=10)


async def a_fifo_queue_refuses_a_delay_of_one_message(lab: Lab) -> None:
    queue = await lab.queue(fifo=True)
    assert await is_refused(queue.send(DelaySeconds=2))


async def a_long_poll_wakes_when_a_message_comes(lab: Lab) -> None:
    queue = await lab.queue()
    async with asyncio.timeout(12):
        poll = asyncio.create_task(queue.receive(wait=20))
        await asyncio.sleep(0.5)
        await queue.send()
        assert len(await poll) == 1


async def a_dropped_long_poll_may_still_be_handed_a_message(lab: Lab) -> None:
    queue = await lab.queue()
    poll = asyncio.create_task(queue.receive(wait=3, visibility=4))
    await asyncio.sleep(0.5)
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    await queue.send()
    await asyncio.sleep(0.5)
    message = await queue.receive_one(wait=10)
    assert message["Attributes"]["ApproximateReceiveCount"] == "2", "the poll was forgotten"


async def a_purge_empties_the_queue(lab: Lab) -> None:
    queue = await lab.queue()
    await queue.send()
    await queue.sqs.purge_queue(QueueUrl=queue.url)
    await asyncio.sleep(60 if lab.is_aws else 0)
    assert await queue.is_silent()


EXPERIMENTS: Final = (
    a_message_comes_again_when_its_visibility_expires,
    an_extension_counts_from_the_call,
    visibility_zero_gives_a_message_back_at_once,
    a_late_delete_with_an_old_receipt_is_no_error,
    a_fifo_queue_refuses_an_expired_receipt,
    a_nonsense_receipt_is_refused,
    each_receipt_is_counted,
    a_delayed_message_is_not_seen_before_its_time,
    a_fifo_queue_refuses_a_delay_of_one_message,
    a_long_poll_wakes_when_a_message_comes,
    a_dropped_long_poll_may_still_be_handed_a_message,
    a_purge_empties_the_queue,
)
