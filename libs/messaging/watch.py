"""Shows with the metrics what waits: messages in a queue, and for a person its dead letters and what its consumer gave up."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime
from typing import Final

from libs.clock import utc_now
from libs.database.session import Database
from libs.messaging import inbox
from libs.messaging.dead_letters import dead_letters_of
from libs.messaging.routing import Queue
from libs.messaging.transport import Broker
from libs.observability.logging import get_logger
from libs.observability.metrics import Observation, gauge

log = get_logger(__name__)

LOOK_SECONDS: Final = 60.0


class Watch:
    """Looks once a minute; alarm when a count is above zero or an age keeps growing."""

    def __init__(self, queue: Queue, consumer: str, broker: Broker, database: Database) -> None:
        self._queue = queue
        self._consumer = consumer
        self._broker = broker
        self._database = database
        self._waiting = 0
        self._dead_letters: tuple[int, datetime | None] = (0, None)
        self._given_up: tuple[int, datetime | None] = (0, None)

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set."""
        with ExitStack() as shown:
            for forget in self._show():
                shown.callback(forget)
            while not stop.is_set():
                await self.look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await stop.wait()

    async def look(self) -> None:
        """Look once; what cannot be seen now stays as it was last seen."""
        try:
            self._waiting = await self._broker.depth(self._queue.name)
            letters = await dead_letters_of(self._broker, self._queue)
            self._dead_letters = (letters.count, letters.oldest)
            async with self._database.transaction() as session:
                given_up = await inbox.given_up(session, self._consumer)
            oldest = min((one.oldest for one in given_up), default=None)
            self._given_up = (sum(one.count for one in given_up), oldest)
        except Exception as error:  # noqa: BLE001 - whatever is away is reported by who needs it
            log.warning("watch_failed", queue=self._queue.name, error=str(error))

    def _show(self) -> list[Callable[[], None]]:
        queue, name = {"queue": self._queue.name}, {"queue": self._consumer}
        return [
            gauge(
                "messaging_queue_waiting",
                lambda: [Observation(self._waiting, queue)],
                description="Messages that wait in a queue",
            ),
            gauge(
                "messaging_dead_letters",
                lambda: [Observation(self._dead_letters[0], queue)],
                description="Dead letters of a queue: `make dead-letters`",
            ),
            gauge(
                "messaging_dead_letters_age",
                lambda: [Observation(_age(self._dead_letters[1]), queue)],
                unit="s",
                description="Age of the oldest dead letter seen, since it was first sent",
            ),
            gauge(
                "messaging_given_up_waiting",
                lambda: [Observation(self._given_up[0], name)],
                description="Parked messages given up: `make dead-letters`",
            ),
            gauge(
                "messaging_given_up_age",
                lambda: [Observation(_age(self._given_up[1]), name)],
                unit="s",
                description="Age of the oldest message given up, since it was received",
            ),
        ]


def _age(moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (utc_now() - moment).total_seconds())
