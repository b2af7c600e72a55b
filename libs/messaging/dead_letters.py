"""Dead letters: listed, sent back and watched with receive and send only, so it works on every broker."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from libs.ids import uuid7
from libs.messaging.routing import Queue, Routing
from libs.messaging.transport import BATCH_SIZE, Broker, BrokerError, Delivery, Outgoing

_VISIBILITY_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """What lies in one queue's dead letters: about how many; `oldest` and `types` of a sample of ten."""

    queue: str
    count: int
    oldest: datetime | None
    types: Counter[str]


async def list_dead_letters(broker: Broker, routing: Routing) -> list[DeadLetters]:
    """Look into the dead letters of every queue.

    Raises:
        BrokerError: the broker is away, or the topology was not declared.
    """
    return [await dead_letters_of(broker, queue) for queue in routing.all_queues()]


async def dead_letters_of(broker: Broker, queue: Queue) -> DeadLetters:
    """Look into one queue's dead letters and leave them where they are.

    Raises:
        BrokerError: the broker is away, or the queue was not declared.
    """
    count = await broker.depth(queue.dead_letter)
    if not count:
        return DeadLetters(queue.name, 0, None, Counter())
    sample = await broker.receive(
        queue.dead_letter, limit=BATCH_SIZE, wait_seconds=0, visibility_seconds=0
    )
    times = [letter.sent_at for letter in sample if letter.sent_at is not None]
    types = Counter(letter.attributes.get("type", "unknown") for letter in sample)
    return DeadLetters(queue.name, count, min(times, default=None), types)


def queue_named(routing: Routing, name: str) -> Queue:
    """Find a queue of the routing table.

    Raises:
        LookupError: no such queue; the message lists those there are.
    """
    by_name = {queue.name: queue for queue in routing.all_queues()}
    if name not in by_name:
        raise LookupError(f"no queue {name!r}; there are {', '.join(sorted(by_name))}")
    return by_name[name]


async def redrive(
    broker: Broker, queue: Queue, *, limit: int = 10_000, per_second: float = 50.0
) -> int:
    """Move dead letters back to their queue, slowly enough not to crowd out live messages; return how many.

    A message is deleted from the dead letters only after the queue has accepted it.

    Raises:
        BrokerError: the broker is away or refused; what was moved until then stays moved.
    """
    moved = 0
    while moved < limit:
        letters = await broker.receive(
            queue.dead_letter,
            limit=min(BATCH_SIZE, limit - moved),
            wait_seconds=1,
            visibility_seconds=_VISIBILITY_SECONDS,
        )
        if not letters:
            break
        refused = await broker.publish(f"queue:{queue.name}", [_again(one) for one in letters])
        if refused:
            await broker.hide(queue.dead_letter, [one.receipt for one in letters], 0)
            raise BrokerError(next(iter(refused.values())))
        await broker.acknowledge(queue.dead_letter, [one.receipt for one in letters])
        moved += len(letters)
        await asyncio.sleep(len(letters) / per_second)
    return moved


def _again(letter: Delivery) -> Outgoing:
    # A new id: the queue would drop one it has seen within five minutes.
    return Outgoing(
        id=str(uuid7()),
        body=letter.body,
        attributes=letter.attributes,
        group=letter.group,
    )
