"""Moves committed outbox rows to the broker: in order per aggregate and destination, at least once, however many relays run."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, and_, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from libs.clock import utc_now
from libs.database.session import Database
from libs.messaging import metrics
from libs.messaging.tables import outbox_messages
from libs.messaging.transport import Broker, Outgoing
from libs.observability.logging import get_logger
from libs.observability.metrics import gauge
from libs.observability.tracing import SpanKind, start_span

log = get_logger(__name__)

BATCH: Final = 100
FASTEST_POLL_SECONDS: Final = 0.05
SLOWEST_POLL_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 5.0
FIRST_RETRY_SECONDS: Final = 0.2
LONGEST_RETRY_SECONDS: Final = 30.0
LAG_SAMPLE_SECONDS: Final = 10.0

_OutboxRow = Row[*tuple[Any, ...]]

_table = outbox_messages
_columns = outbox_messages.c
_older = outbox_messages.alias("older")

# A row is taken only when nothing older of its aggregate waits: whoever holds, or failed to send, the older row
# holds back the rest of that aggregate and of no other. There is no "last position": a late commit is just another
# unpublished row.
_CLAIM: Final = (
    select(
        _columns.id,
        _columns.type,
        _columns.destination,
        _columns.group_id,
        _columns.envelope,
        _columns.created_at,
        _columns.attempts,
    )
    .where(
        _columns.published_at.is_(None),
        _columns.next_attempt_at <= func.now(),
        ~exists(1).where(
            and_(
                _older.c.aggregate_id == _columns.aggregate_id,
                # An event and a command of one aggregate take different ways: neither waits for the other.
                _older.c.destination == _columns.destination,
                _older.c.published_at.is_(None),
                _older.c.position < _columns.position,
            )
        ),
    )
    .order_by(_columns.position)
    .limit(BATCH)
    .with_for_update(skip_locked=True, of=_table)
)

_OLDEST: Final = (
    select(_columns.created_at)
    .where(_columns.published_at.is_(None))
    .order_by(_columns.position)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Pass:
    """What one look at the outbox did."""

    claimed: int = 0
    published: int = 0


class Relay:
    """Publishes one schema's outbox.

    `wake` is set after commits; a row nobody woke it for waits for the next poll, `slowest_poll_seconds` at most.
    Where the commits are another process's, pass 0.2.
    """

    def __init__(
        self,
        database: Database,
        broker: Broker,
        wake: asyncio.Event,
        *,
        slowest_poll_seconds: float = SLOWEST_POLL_SECONDS,
    ) -> None:
        self._database = database
        self._broker = broker
        self._wake = wake
        self._slowest_poll_seconds = slowest_poll_seconds
        self._oldest: datetime | None = None
        self._sample_lag_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set. What is being sent then is still recorded."""
        forget = gauge(
            "messaging_outbox_age",
            self._age_seconds,
            unit="s",
            description="Age of the oldest outbox message not yet published",
        )
        waker = asyncio.create_task(self._wake_at(stop))
        poll, trouble = FASTEST_POLL_SECONDS, FASTEST_POLL_SECONDS
        try:
            while not stop.is_set():
                self._wake.clear()
                done = await self._pass_or_none()
                if done is None or (done.claimed and not done.published):
                    await _set_within(stop, trouble)
                    trouble = min(trouble * 2, LONGEST_PAUSE_SECONDS)
                    continue
                trouble = FASTEST_POLL_SECONDS
                if done.published:
                    poll = FASTEST_POLL_SECONDS
                elif not stop.is_set():
                    await _set_within(self._wake, poll)
                    poll = min(poll * 2, self._slowest_poll_seconds)
        finally:
            waker.cancel()
            forget()

    async def relay_once(self) -> Pass:
        """Publish what is due now, a hundred rows at most.

        The rows stay locked while they are sent, so a relay that dies gives them back at once; what it had sent
        already is sent again and skipped by the receivers' inboxes.
        """
        async with self._database.transaction() as session:
            rows = (await session.execute(_CLAIM)).all()
            if not rows:
                return Pass()
            refused = await self._send(rows)
            await self._record(session, rows, refused)
        self._measure(rows, refused)
        return Pass(claimed=len(rows), published=len(rows) - len(refused))

    async def _pass_or_none(self) -> Pass | None:
        try:
            await self._sample_lag()
            return await self.relay_once()
        except Exception:
            log.exception("relay_failed")
            return None

    async def _send(self, rows: Sequence[_OutboxRow]) -> dict[UUID, str]:
        by_destination: dict[str, list[Outgoing]] = defaultdict(list)
        traces: list[str] = []
        for row in rows:
            outgoing = _outgoing(row)
            by_destination[row.destination].append(outgoing)
            traces.append(outgoing.attributes.get("traceparent", ""))
        with start_span("send outbox", kind=SpanKind.PRODUCER, links=traces):
            answers = await asyncio.gather(
                *(self._broker.publish(name, batch) for name, batch in by_destination.items())
            )
        return {UUID(id_): reason for answer in answers for id_, reason in answer.items()}

    async def _record(
        self, session: AsyncSession, rows: Sequence[_OutboxRow], refused: dict[UUID, str]
    ) -> None:
        published = [row.id for row in rows if row.id not in refused]
        if published:
            await session.execute(
                update(_table)
                .where(_columns.id.in_(published))
                .values(published_at=func.now(), last_error=None)
            )
        by_reason: dict[str, list[UUID]] = defaultdict(list)
        for id_, reason in refused.items():
            by_reason[reason].append(id_)
        for reason, ids in by_reason.items():
            log.warning("publish_refused", count=len(ids), reason=reason)
            await session.execute(
                update(_table)
                .where(_columns.id.in_(ids))
                .values(
                    attempts=_columns.attempts + 1,
                    next_attempt_at=func.now() + _backoff(),
                    last_error=reason[:500],
                )
            )

    def _measure(self, rows: Sequence[_OutboxRow], refused: dict[UUID, str]) -> None:
        now = utc_now()
        for row in rows:
            if row.id in refused:
                metrics.PUBLISH_FAILED.add(1, {"type": row.type})
            else:
                metrics.PUBLISHED.add(1, {"type": row.type})
                lag = (now - row.created_at).total_seconds()
                metrics.PUBLISH_LAG.record(max(0.0, lag), {"type": row.type})

    async def _sample_lag(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._sample_lag_at:
            return
        self._sample_lag_at = now + LAG_SAMPLE_SECONDS
        async with self._database.transaction() as session:
            self._oldest = await session.scalar(_OLDEST)

    def _age_seconds(self) -> float:
        oldest = self._oldest
        return 0.0 if oldest is None else max(0.0, (utc_now() - oldest).total_seconds())

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()


def _outgoing(row: _OutboxRow) -> Outgoing:
    envelope = json.loads(row.envelope)
    attributes = {"type": row.type, "originregion": envelope["originregion"]}
    if traceparent := envelope.get("traceparent"):
        attributes["traceparent"] = traceparent
    return Outgoing(id=str(row.id), body=row.envelope, attributes=attributes, group=row.group_id)


def _backoff() -> Any:
    """Return SQL for the pause after a failure: doubling, capped, and jittered by half."""
    seconds = func.least(
        LONGEST_RETRY_SECONDS,
        FIRST_RETRY_SECONDS * func.power(2, func.least(_columns.attempts, 10)),
    ) * (0.5 + func.random() / 2)
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
