"""What passes between Meridian and a message broker, whichever it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

BATCH_SIZE: Final = 10
"""Messages SNS and SQS take or give in one call."""


class BrokerError(Exception):
    """The broker could not be reached, or refused: it may work later."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish. `group` is the FIFO message group, None for standard topics and queues.

    `id` is also the FIFO deduplication id unless `deduplication_id` says otherwise: a queue remembers an id for
    five minutes, even after the message was deleted.
    """

    id: str
    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None
    deduplication_id: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One receipt of one message; the same message may be received again with another receipt.

    `sent_at` is when it entered the queue, where the broker tells.
    """

    body: str
    receipt: str
    receive_count: int = 1
    attributes: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None
    sent_at: datetime | None = None


class Broker(Protocol):
    """Topics and queues by their routing names (`order-events`, `payment-commands.fifo`)."""

    async def publish(self, destination: str, messages: Sequence[Outgoing]) -> Mapping[str, str]:
        """Send to `topic:<name>` or `queue:<name>`; return the reason for each id that was not accepted.

        Never raises for what the broker or the network did: the messages concerned are in the answer.
        """

    async def receive(
        self, queue: str, *, limit: int, wait_seconds: int, visibility_seconds: int
    ) -> list[Delivery]:
        """Wait for messages and hide them from others for `visibility_seconds`.

        Let it finish: a broker may assign messages to a caller that has gone.

        Raises:
            BrokerError: the broker is away or has no such queue.
        """

    async def acknowledge(self, queue: str, receipts: Sequence[str]) -> Sequence[str]:
        """Delete the messages; return the receipts that failed.

        Raises:
            BrokerError: the call as a whole failed.
        """

    async def hide(self, queue: str, receipts: Sequence[str], seconds: int) -> Sequence[str]:
        """Keep the messages invisible for `seconds` from now, 0 to give them back; return receipts that failed.

        Raises:
            BrokerError: the call as a whole failed.
        """

    async def depth(self, queue: str) -> int:
        """Return about how many messages wait in a queue, dead-letter queues included.

        Raises:
            BrokerError: the broker is away or has no such queue.
        """
