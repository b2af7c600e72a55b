"""What a consumer does with receipts while and after it works: keep them hidden, give them back, acknowledge them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from libs.messaging.routing import Queue
from libs.messaging.transport import BATCH_SIZE, Broker, BrokerError, Delivery
from libs.observability.logging import get_logger

log = get_logger(__name__)

LINGER_SECONDS: Final = 0.01


class Acknowledgements:
    """Deletes handled messages by tens: a call costs the same for one as for ten."""

    def __init__(self, broker: Broker, queue: str) -> None:
        self._broker = broker
        self._queue = queue
        self._waiting: list[str] = []
        self._flushing: set[asyncio.Task[None]] = set()

    def add(self, receipt: str) -> None:
        """Delete the message soon. If that fails it comes again and the inbox skips it."""
        self._waiting.append(receipt)
        if len(self._waiting) == 1:
            self._start(LINGER_SECONDS)
        elif len(self._waiting) == BATCH_SIZE:
            self._start(0)

    async def drain(self) -> None:
        """Wait until everything added is deleted or has failed."""
        self._start(0)
        while self._flushing:
            await asyncio.wait(self._flushing)

    def _start(self, linger: float) -> None:
        task = asyncio.create_task(self._flush(linger))
        self._flushing.add(task)
        task.add_done_callback(self._flushing.discard)

    async def _flush(self, linger: float) -> None:
        await asyncio.sleep(linger)
        receipts, self._waiting = self._waiting, []
        if not receipts:
            return
        try:
            failed = await self._broker.acknowledge(self._queue, receipts)
        except BrokerError as error:
            log.warning("acknowledge_failed", queue=self._queue, error=str(error))
        else:
            if failed:
                log.warning("acknowledge_refused", queue=self._queue, count=len(failed))


class Heartbeat:
    """Keeps the messages of one group hidden while they are worked on, and stops the work when it cannot.

    A handler whose message may already be with somebody else must not go on: `lost` is called for the receipts
    concerned. Extends at a third of the visibility, and soon again after a call that failed, for as long as one more
    call is sure to end before the visibility does.
    """

    def __init__(
        self,
        broker: Broker,
        queue: Queue,
        held: list[Delivery],
        lost: Callable[[Sequence[str]], None],
    ) -> None:
        self._broker = broker
        self._queue = queue
        self._held = held
        self._lost = lost

    async def run(self) -> None:
        """Extend until cancelled, or until there is nothing left to extend."""
        clock = asyncio.get_running_loop().time
        visibility = self._queue.visibility_seconds
        longest_call, pause = visibility / 4, visibility / 3
        extended_at = clock()
        while self._held:
            await asyncio.sleep(pause)
            receipts = [delivery.receipt for delivery in self._held]
            asked_at = clock()
            try:
                async with asyncio.timeout(longest_call):
                    failed = await self._broker.hide(self._queue.name, receipts, visibility)
            except (BrokerError, TimeoutError) as error:
                log.warning("heartbeat_failed", queue=self._queue.name, error=str(error))
                pause = visibility / 12
                if clock() + pause + longest_call > extended_at + visibility:
                    self._lost(receipts)
                    return
            else:
                extended_at, pause = asked_at, visibility / 3
                if failed:
                    self._lost(failed)


async def give_back(broker: Broker, queue: str, deliveries: Sequence[Delivery]) -> None:
    """Make messages visible to others at once; if that fails they come back when their visibility ends."""
    if not deliveries:
        return
    try:
        await broker.hide(queue, [delivery.receipt for delivery in deliveries], 0)
    except BrokerError as error:
        log.warning("give_back_failed", queue=queue, error=str(error))
