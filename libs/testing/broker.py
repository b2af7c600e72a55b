"""A broker inside the process, for service tests that need messages to flow but no emulator."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from libs.messaging.routing import Routing
from libs.messaging.transport import BrokerError, Delivery, Outgoing

LONGEST_WAIT_SECONDS: Final = 0.2
"""Much shorter than asked for: a consumer stops when its poll ends, and a test should not wait for that."""


@dataclass
class _Stored:
    message: Outgoing
    visible_at: float = 0.0
    receive_count: int = 0
    receipt: str = ""


@dataclass
class _Queue:
    stored: list[_Stored] = field(default_factory=list)
    fifo: bool = False
    dead_letter: str = ""
    max_receive_count: int = 1_000_000  # a dead-letter queue has no further one behind it


class MemoryBroker:
    """Delivers by the routing table with visibility, FIFO groups and dead letters, as SNS and SQS do.

    Attributes:
        published: every accepted message with its destination, for assertions.
        refuse: reasons by message type; a message of such a type is not accepted.
        away: when true every call fails as if the network were gone.
    """

    def __init__(self, routing: Routing | None = None, *, region: str = "us-east-1") -> None:
        self._routing = routing or Routing.load()
        self._region = region
        self._queues: dict[str, _Queue] = defaultdict(_Queue)
        self._arrived = asyncio.Event()
        self._receipts = 0
        self.published: list[tuple[str, Outgoing]] = []
        self.refuse: dict[str, str] = {}
        self.away = False
        for queue in self._routing.all_queues():
            self._queues[queue.name] = _Queue(
                fifo=queue.fifo,
                dead_letter=queue.dead_letter,
                max_receive_count=queue.max_receive_count,
            )

    async def publish(self, destination: str, messages: Sequence[Outgoing]) -> Mapping[str, str]:
        if self.away:
            return {message.id: "BrokerError: away" for message in messages}
        refused: dict[str, str] = {}
        kind, _, name = destination.partition(":")
        for message in messages:
            type_ = message.attributes.get("type", "")
            if type_ in self.refuse:
                refused[message.id] = self.refuse[type_]
                continue
            self.published.append((destination, message))
            for queue in self._subscribers(name, message) if kind == "topic" else [name]:
                self._queues[queue].stored.append(_Stored(message))
        self._arrived.set()
        return refused

    async def receive(
        self, queue: str, *, limit: int, wait_seconds: int, visibility_seconds: int
    ) -> list[Delivery]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + min(wait_seconds, LONGEST_WAIT_SECONDS)
        while True:
            self._check_not_away()
            self._arrived.clear()
            taken = self._take(self._queues[queue], limit, clock(), visibility_seconds)
            if taken or clock() >= deadline:
                return taken
            try:
                # Short, because a visibility that ends sets no event.
                async with asyncio.timeout(min(0.05, deadline - clock())):
                    await self._arrived.wait()
            except TimeoutError:
                continue

    async def acknowledge(self, queue: str, receipts: Sequence[str]) -> Sequence[str]:
        self._check_not_away()
        known = {stored.receipt for stored in self._queues[queue].stored}
        self._queues[queue].stored = [
            stored for stored in self._queues[queue].stored if stored.receipt not in receipts
        ]
        self._arrived.set()
        return [receipt for receipt in receipts if receipt not in known]

    async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
        self._check_not_away()
        found = {
            stored.receipt: stored
            for stored in self._queues[queue].stored
            if stored.receipt in receipts
        }
        for stored in found.values():
            stored.visible_at = asyncio.get_running_loop().time() + seconds
        self._arrived.set()
        return [receipt for receipt in receipts if receipt not in found]

    async def depth(self, queue: str) -> int:
        self._check_not_away()
        now = asyncio.get_running_loop().time()
        return sum(stored.visible_at <= now for stored in self._queues[queue].stored)

    def waiting(self, queue: str) -> list[Outgoing]:
        """Return what a queue, or a dead-letter queue, holds, hidden messages included."""
        return [stored.message for stored in self._queues[queue].stored]

    def _subscribers(self, topic: str, message: Outgoing) -> list[str]:
        own = message.attributes.get("originregion", self._region) == self._region
        return [
            self._routing.event_queues[subscription.consumer].name
            for subscription in self._routing.subscriptions
            if self._routing.topics[subscription.publisher] == topic
            and message.attributes.get("type") in subscription.types
            and (subscription.kind == "process") == own
        ]

    def _take(
        self, queue: _Queue, limit: int, now: float, visibility_seconds: int
    ) -> list[Delivery]:
        taken: list[Delivery] = []
        blocked: set[str | None] = set()
        for stored in list(queue.stored):
            group = stored.message.group
            if stored.visible_at > now:
                blocked.add(group)
            elif len(taken) < limit and not (queue.fifo and group in blocked):
                if stored.receive_count >= queue.max_receive_count:
                    queue.stored.remove(stored)
                    self._queues[queue.dead_letter].stored.append(_Stored(stored.message))
                else:
                    taken.append(self._deliver(stored, now + visibility_seconds))
        return taken

    def _deliver(self, stored: _Stored, visible_at: float) -> Delivery:
        self._receipts += 1
        stored.receipt = str(self._receipts)
        stored.receive_count += 1
        stored.visible_at = visible_at
        return Delivery(
            body=stored.message.body,
            receipt=stored.receipt,
            receive_count=stored.receive_count,
            attributes=stored.message.attributes,
            group=stored.message.group,
        )

    def _check_not_away(self) -> None:
        if self.away:
            raise BrokerError("away")
