"""Experiments about messages that nobody could handle."""

import asyncio
from typing import Final

from tests.emulator.lab import Answer, Lab, Queue


async def _die(queue: Queue, dead: Queue) -> tuple[Answer, Answer]:
    """Receive a message as often as its queue allows, and return it as it was and as it came to the dead letters."""
    await queue.send("poison")
    message = await queue.receive_one()
    await queue.hide(message, 0)
    message = await queue.receive_one()
    await asyncio.sleep(1)
    await queue.hide(message, 0)
    assert await queue.is_silent(), "it was delivered more often than its queue allows"
    return message, await dead.receive_one()


async def after_the_last_receive_a_message_moves_to_the_dead_letters(lab: Lab) -> None:
    queue, dead = await lab.queue_with_dead_letters(receives=2)
    alive, moved = await _die(queue, dead)
    assert moved["Body"] == alive["Body"]


async def a_standard_dead_letter_keeps_its_age(lab: Lab) -> None:
    alive, moved = await _die(*await lab.queue_with_dead_letters(receives=2))
    assert moved["Attributes"]["SentTimestamp"] == alive["Attributes"]["SentTimestamp"]


async def a_fifo_dead_letter_starts_its_age_anew(lab: Lab) -> None:
    alive, moved = await _die(*await lab.queue_with_dead_letters(receives=2, fifo=True))
    assert moved["Attributes"]["SentTimestamp"] > alive["Attributes"]["SentTimestamp"]


async def a_dead_letter_keeps_its_id(lab: Lab) -> None:
    alive, moved = await _die(*await lab.queue_with_dead_letters(receives=2))
    assert moved["MessageId"] == alive["MessageId"]


async def a_move_task_redrives_under_a_new_id(lab: Lab) -> None:
    queue, dead = await lab.queue_with_dead_letters(receives=2)
    alive, moved = await _die(queue, dead)
    await dead.hide(moved, 0)
    await dead.sqs.start_message_move_task(SourceArn=dead.arn)
    again = await queue.receive_one(wait=20)
    assert again["Body"] == "poison"
    assert again["MessageId"] != alive["MessageId"]


async def what_is_received_and_sent_back_starts_anew(lab: Lab) -> None:
    queue, dead = await lab.queue_with_dead_letters(receives=2)
    _, moved = await _die(queue, dead)
    await queue.send(moved["Body"])
    await dead.delete(moved)
    again = await queue.receive_one()
    assert again["Attributes"]["ApproximateReceiveCount"] == "1"
    assert await dead.is_silent()


EXPERIMENTS: Final = (
    after_the_last_receive_a_message_moves_to_the_dead_letters,
    a_standard_dead_letter_keeps_its_age,
    a_fifo_dead_letter_starts_its_age_anew,
    a_dead_letter_keeps_its_id,
    a_move_task_redrives_under_a_new_id,
    what_is_received_and_sent_back_starts_anew,
)
