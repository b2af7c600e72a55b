"""Applies one message: inbox row and effect in one transaction, or a parked row when it came too early."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from libs.clock import utc_now
from libs.contracts.message import Message
from libs.database.session import Database, after_commit
from libs.messaging import inbox, metrics
from libs.messaging.envelope import Envelope, UnknownMessageTypeError
from libs.messaging.handlers import (
    Handler,
    HandlerContext,
    Handlers,
    OutsideTransaction,
    TooEarly,
)
from libs.messaging.outbox import Outbox
from libs.observability.context import bind
from libs.observability.logging import get_logger
from libs.observability.tracing import SpanKind, start_span

log = get_logger(__name__)

Claim = Callable[[AsyncSession, str, Envelope], Awaitable[bool]]

FIRST_RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 300.0


class Outcome(Enum):
    """What became of a message; each of them may be acknowledged."""

    HANDLED = "handled"
    DUPLICATE = "duplicate"
    PARKED = "parked"


class Processor:
    """Runs a service's handlers for one consumer.

    At most `transactions` handlers hold a database connection at a time, so that a full queue leaves connections
    for the requests of the same process.
    """

    def __init__(
        self,
        *,
        consumer: str,
        handlers: Handlers,
        database: Database,
        outbox_of: Callable[[AsyncSession], Outbox],
        transactions: int,
    ) -> None:
        self.consumer = consumer
        self.database = database
        self.parked_changed = asyncio.Event()
        self._handlers = handlers
        self._outbox_of = outbox_of
        self._slots = asyncio.Semaphore(transactions)

    async def process(self, envelope: Envelope) -> Outcome:
        """Apply a message as it was received.

        Raises:
            UnknownMessageTypeError: this release has no class or no handler for it.
            Exception: whatever the handler raised, `TooEarly` excepted; nothing was committed.
        """
        try:
            outcome = await self._apply(envelope, inbox.claim)
        except TooEarly as early:
            async with self.database.transaction() as session:
                await inbox.park(
                    session, self.consumer, envelope, early.waiting_for, FIRST_RETRY_SECONDS
                )
            self.parked_changed.set()
            log.info("message_parked", type=envelope.type, waiting_for=early.waiting_for)
            outcome = Outcome.PARKED
        self._count(outcome, envelope)
        return outcome

    async def process_again(self, parked: inbox.ParkedMessage) -> Outcome:
        """Apply a parked message once more.

        Raises:
            TooEarly: it still is.
            Exception: whatever the handler raised.
        """
        outcome = await self._apply(parked.envelope, inbox.finish_parked)
        self._count(outcome, parked.envelope)
        return outcome

    async def _apply(self, envelope: Envelope, claim: Claim) -> Outcome:
        message = envelope.message()
        handler = self._handlers.get(type(message))
        if handler is None:
            raise UnknownMessageTypeError(f"{self.consumer} has no handler for {envelope.type!r}")
        attributes = {
            "messaging.destination.name": self.consumer,
            "messaging.message.id": envelope.id,
            "cloudevents.event_type": envelope.type,
            "cloudevents.event_subject": envelope.subject,
        }
        started = asyncio.get_running_loop().time()
        with (
            bind(correlation_id=envelope.correlationid, causation_id=envelope.id),
            start_span(
                f"process {envelope.type}",
                kind=SpanKind.CONSUMER,
                parent=envelope.traceparent,
                attributes=attributes,
            ),
        ):
            if isinstance(handler, OutsideTransaction):
                outcome = await self._outside(handler, message, envelope, claim)
            else:
                outcome = await self._inside(handler, message, envelope, claim)
        elapsed = asyncio.get_running_loop().time() - started
        metrics.HANDLING.record(elapsed, {"type": envelope.type})
        return outcome

    async def _inside(
        self, handler: Handler, message: Message, envelope: Envelope, claim: Claim
    ) -> Outcome:
        async def work(session: AsyncSession) -> Outcome:
            if not await claim(session, self.consumer, envelope):
                return Outcome.DUPLICATE
            context = HandlerContext(envelope, session, self._outbox_of(session))
            await handler(message, context)
            if context.keys_advanced:
                await inbox.advanced(session, *context.keys_advanced)
                after_commit(session, self.parked_changed.set)
            return Outcome.HANDLED

        async with self._slots:
            return await self.database.run(work)

    async def _outside(
        self, handler: OutsideTransaction, message: Message, envelope: Envelope, claim: Claim
    ) -> Outcome:
        if claim is inbox.claim and await self._known(envelope):
            return Outcome.DUPLICATE
        await handler.handler(message, envelope)
        async with self._slots, self.database.transaction() as session:
            first = await claim(session, self.consumer, envelope)
        self.parked_changed.set()
        # Somebody else was faster: the message was with both, and the business key kept the effect single.
        return Outcome.HANDLED if first else Outcome.DUPLICATE

    async def _known(self, envelope: Envelope) -> bool:
        async with self._slots, self.database.transaction() as session:
            return await inbox.is_known(session, self.consumer, envelope)

    def _count(self, outcome: Outcome, envelope: Envelope) -> None:
        labels: dict[str, Any] = {"type": envelope.type}
        match outcome:
            case Outcome.HANDLED:
                metrics.CONSUMED.add(1, labels)
                lag = (utc_now() - envelope.time).total_seconds()
                metrics.END_TO_END_LAG.record(max(0.0, lag), labels)
            case Outcome.DUPLICATE:
                metrics.DUPLICATES.add(1, labels)
            case Outcome.PARKED:
                metrics.PARKED.add(1, labels)
