"""Reads one queue: long poll, one task per message or FIFO group, acknowledgement after the commit, clean stop."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import Database, is_unavailable
from libs.messaging import metrics
from libs.messaging.delivery import Acknowledgements, Heartbeat, give_back
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import Handlers
from libs.messaging.outbox import Outbox
from libs.messaging.parking import ParkedMessages
from libs.messaging.processing import Processor
from libs.messaging.routing import Queue
from libs.messaging.transport import BATCH_SIZE, Broker, BrokerError, Delivery
from libs.messaging.watch import Watch
from libs.observability.logging import get_logger

log = get_logger(__name__)

LONGEST_REDELIVERY_SECONDS: Final = 60
LONGEST_RECONNECT_SECONDS: Final = 10.0


class Consumer:
    """Feeds one queue's messages to a service's handlers.

    Args:
        queue: a row of the routing table.
        handlers: message class to handler.
        database: where inbox and effects commit.
        broker: where the queue is.
        outbox_of: makes the outbox a handler writes to.
        consumer_name: the inbox's name for this reader; the queue's name unless given.
        wait_seconds: length of a long poll. A poll that runs cannot be called off without risking that it is
            handed messages nobody reads, so a stop takes up to this long; it has to fit the drain time.
        concurrency: messages held at a time.
        transactions: handlers that hold a database connection at a time.
        redelivery_seconds: pause before a failed message comes again; doubles with every receipt.
        parked_attempts: runs of a parked message before it is given up.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        handlers: Handlers,
        database: Database,
        broker: Broker,
        outbox_of: Callable[[AsyncSession], Outbox],
        consumer_name: str | None = None,
        wait_seconds: int = 5,
        concurrency: int = 20,
        transactions: int = 5,
        redelivery_seconds: float = 1.0,
        parked_attempts: int = 20,
    ) -> None:
        self._queue = queue
        self._database = database
        self._broker = broker
        self._wait_seconds = min(wait_seconds, queue.long_poll_seconds)
        self._concurrency = concurrency
        self._redelivery_seconds = redelivery_seconds
        self._processor = Processor(
            consumer=consumer_name or queue.name,
            handlers=handlers,
            database=database,
            outbox_of=outbox_of,
            transactions=transactions,
        )
        self._parked = ParkedMessages(self._processor, attempts=parked_attempts)
        self._watch = Watch(queue, self._processor.consumer, broker, database)
        self._acknowledgements = Acknowledgements(broker, queue.name)
        self._working: set[asyncio.Task[None]] = set()
        self._held = 0
        self._database_down = False

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is being handled and give the rest back."""
        parked = asyncio.create_task(self._parked.run(stop))
        watch = asyncio.create_task(self._watch.run(stop))
        try:
            await self._poll(stop)
            if self._working:
                await asyncio.wait(self._working)
            self._processor.parked_changed.set()
            await asyncio.gather(parked, watch)
        finally:  # cut short: the drain is over, or something is wrong
            unfinished = [parked, watch, *self._working]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
            await self._acknowledgements.drain()

    async def _poll(self, stop: asyncio.Event) -> None:
        pause = 0.1
        while not stop.is_set():
            await self._capacity(stop)
            if stop.is_set():
                return
            try:
                deliveries = await self._receive()
                pause = 0.1
            except BrokerError as error:
                log.warning("receive_failed", queue=self._queue.name, error=str(error))
                await _set_within(stop, pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter is no secret
                pause = min(pause * 2, LONGEST_RECONNECT_SECONDS)
                continue
            if stop.is_set():
                await give_back(self._broker, self._queue.name, deliveries)
                return
            for group in self._groups(deliveries):
                self._start(group, stop)

    async def _receive(self) -> list[Delivery]:
        poll = asyncio.ensure_future(
            self._broker.receive(
                self._queue.name,
                limit=min(BATCH_SIZE, self._concurrency - self._held),
                wait_seconds=self._wait_seconds,
                visibility_seconds=self._queue.visibility_seconds,
            )
        )
        try:
            return await asyncio.shield(poll)
        except asyncio.CancelledError:
            # Dropping the connection would not stop the broker from assigning messages to it.
            with suppress(BrokerError):
                await give_back(self._broker, self._queue.name, await poll)
            raise

    async def _capacity(self, stop: asyncio.Event) -> None:
        """Wait until a message can be taken: room for it, and a database to commit to."""
        while self._held >= self._concurrency and not stop.is_set():
            await asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)
        pause = 0.25
        # Every receipt counts towards the dead letters, so nothing is received that cannot be handled.
        while self._database_down and not stop.is_set():
            try:
                await self._database.ping()
                self._database_down = False
            except Exception as error:
                if not is_unavailable(error):
                    raise
                await _set_within(stop, pause)
                pause = min(pause * 2, LONGEST_RECONNECT_SECONDS)

    def _groups(self, deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
        if not self._queue.fifo:
            return [[delivery] for delivery in deliveries]
        by_group = sorted(deliveries, key=lambda delivery: delivery.group or "")  # stable
        return [list(group) for _, group in groupby(by_group, key=lambda delivery: delivery.group)]

    def _start(self, group: list[Delivery], stop: asyncio.Event) -> None:
        size = len(group)
        self._held += size

        def done(task: asyncio.Task[None]) -> None:
            self._held -= size
            self._working.discard(task)
            if not task.cancelled() and task.exception() is not None:
                log.error("consumer_task_failed", queue=self._queue.name, exc_info=task.exception())

        task = asyncio.create_task(self._work(group, stop))
        self._working.add(task)
        task.add_done_callback(done)

    async def _work(self, held: list[Delivery], stop: asyncio.Event) -> None:
        """Handle the messages of one group in order; after a failure the later ones go back."""
        current: asyncio.Task[bool] | None = None

        def lost(receipts: Sequence[str]) -> None:
            if current is not None and held and held[0].receipt in receipts:
                current.cancel()
            held[1:] = [delivery for delivery in held[1:] if delivery.receipt not in receipts]

        heartbeat = asyncio.create_task(Heartbeat(self._broker, self._queue, held, lost).run())
        try:
            while held and not stop.is_set():
                current = asyncio.create_task(self._handle(held[0]))
                await asyncio.wait({current})
                handled = not current.cancelled() and current.result()
                del held[0]
                if not handled:
                    break
        finally:
            heartbeat.cancel()
            if current is not None and not current.done():
                current.cancel()
                await asyncio.wait({current})
            await give_back(self._broker, self._queue.name, held)

    async def _handle(self, delivery: Delivery) -> bool:
        try:
            await self._processor.process(Envelope.from_json(delivery.body))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, the message comes again
            self._database_down = self._database_down or is_unavailable(error)
            await self._failed(delivery, error)
            return False
        self._acknowledgements.add(delivery.receipt)
        return True

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        seconds = min(
            self._redelivery_seconds * 2.0 ** (delivery.receive_count - 1),
            LONGEST_REDELIVERY_SECONDS,
        )
        type_ = delivery.attributes.get("type", "unknown")
        metrics.FAILED.add(1, {"type": type_})
        log.error(
            "message_failed",
            queue=self._queue.name,
            type=type_,
            receive_count=delivery.receive_count,
            again_in_seconds=seconds,
            exc_info=error,
        )
        with suppress(BrokerError):  # it comes again when its visibility ends
            await self._broker.hide(self._queue.name, [delivery.receipt], round(seconds))


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
