"""Runs parked messages again when their aggregate advanced or their time came, and gives up with a loud error.

What was given up runs once more when its aggregate advances after all, or when a person revives it.
"""

import asyncio
from contextlib import suppress
from typing import Final

from libs.database.session import is_unavailable
from libs.messaging import inbox, metrics
from libs.messaging.handlers import TooEarly
from libs.messaging.processing import (
    FIRST_RETRY_SECONDS,
    LONGEST_RETRY_SECONDS,
    Processor,
)
from libs.observability.logging import get_logger

log = get_logger(__name__)

_BATCH: Final = 5
_LEASE_SECONDS: Final = 60.0
_BUSY_POLL_SECONDS: Final = 0.5
_IDLE_POLL_SECONDS: Final = 10.0


class ParkedMessages:
    """The parked messages of one consumer.

    While something is parked it looks twice a second, because another process may have advanced it; otherwise
    every ten seconds, for rows that a process which is gone has left.
    """

    def __init__(self, processor: Processor, *, attempts: int = 20) -> None:
        self._processor = processor
        self._attempts = attempts

    async def run(self, stop: asyncio.Event) -> None:
        """Re-run due messages until `stop` is set."""
        while not stop.is_set():
            self._processor.parked_changed.clear()
            try:
                pause = await self.run_due()
            except Exception:
                log.exception("parked_messages_unreadable")
                pause = _IDLE_POLL_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._processor.parked_changed.wait()

    async def run_due(self) -> float:
        """Run what is due, once; return the seconds to wait before looking again."""
        database, consumer = self._processor.database, self._processor.consumer
        async with database.transaction() as session:
            due = await inbox.lease_due(
                session, consumer, limit=_BATCH, lease_seconds=_LEASE_SECONDS
            )
        for parked in due:
            await self._run_one(parked)
        if due:
            return 0.0
        async with database.transaction() as session:
            seconds = await inbox.seconds_until_due(session, consumer)
        return _IDLE_POLL_SECONDS if seconds is None else min(seconds, _BUSY_POLL_SECONDS)

    async def _run_one(self, parked: inbox.ParkedMessage) -> None:
        try:
            await self._processor.process_again(parked)
        except TooEarly as early:
            await self._postpone(parked, early.waiting_for)
        except Exception as error:
            if is_unavailable(error):
                raise
            metrics.FAILED.add(1, {"type": parked.envelope.type})
            log.exception("parked_message_failed", type=parked.envelope.type)
            await self._postpone(parked, None)

    async def _postpone(self, parked: inbox.ParkedMessage, waiting_for: str | None) -> None:
        consumer, envelope = self._processor.consumer, parked.envelope
        async with self._processor.database.transaction() as session:
            if parked.attempts + 1 >= self._attempts:
                await inbox.give_up(session, consumer, envelope)
            else:
                seconds = min(FIRST_RETRY_SECONDS * 2.0**parked.attempts, LONGEST_RETRY_SECONDS)
                await inbox.postpone(
                    session, consumer, envelope, waiting_for=waiting_for, seconds=seconds
                )
        if parked.attempts + 1 >= self._attempts:
            metrics.GIVEN_UP.add(1, {"type": envelope.type})
            log.error(
                "parked_message_given_up",
                type=envelope.type,
                event_id=envelope.id,
                subject=envelope.subject,
                waiting_for=waiting_for,
                attempts=parked.attempts + 1,
            )
