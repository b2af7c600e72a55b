"""The receiving side's memory: one row per message, committed together with the message's effect."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    extract,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.messaging.envelope import Envelope
from libs.messaging.tables import inbox_messages

_table = inbox_messages
_columns = inbox_messages.c

# Spelled out, not bound: only then can PostgreSQL keep a plan that uses the indexes of what is parked, instead of
# planning over every week again and again.
_is_parked = _columns.status == literal_column("'parked'")
# Given up is parked without end: the index of what is parked finds it, and its aggregate can still wake it.
_NEVER: Final[ColumnElement[datetime]] = literal_column("'infinity'::timestamptz")
_GIVEN_UP: Final = and_(_is_parked, _columns.retry_at == _NEVER)


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """A message that came too early, leased to whoever re-runs it now; `attempts` counts the runs so far."""

    envelope: Envelope
    attempts: int


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The messages of one type that were given up, waiting for their aggregates or for a person."""

    type: str
    count: int
    oldest: datetime
    waiting_for: str


async def claim(session: AsyncSession, consumer: str, envelope: Envelope) -> bool:
    """Record the message as done; False when it was recorded before, in whatever state.

    A second transaction with the same message waits here until the first one ends.
    """
    inserted = await session.execute(
        insert(_table)
        .values(**_identity(consumer, envelope), status="done", processed_at=func.now())
        .on_conflict_do_nothing()
        .returning(_columns.event_id)
    )
    return inserted.first() is not None


async def is_known(session: AsyncSession, consumer: str, envelope: Envelope) -> bool:
    """Tell whether the message was recorded before, in whatever state."""
    found = await session.execute(select(_columns.status).where(_row(consumer, envelope)))
    return found.first() is not None


async def park(
    session: AsyncSession, consumer: str, envelope: Envelope, waiting_for: str, seconds: float
) -> None:
    """Keep the message until `waiting_for` advances, or for `seconds` at most."""
    await session.execute(
        insert(_table)
        .values(
            **_identity(consumer, envelope),
            status="parked",
            waiting_for=waiting_for,
            retry_at=func.now() + timedelta(seconds=seconds),
            attempts=1,
            envelope=envelope.to_json(),
        )
        .on_conflict_do_nothing()
    )


async def advanced(session: AsyncSession, *keys: str) -> None:
    """Make every message parked for one of the keys due, in the transaction that advanced them.

    For code that is no handler, or runs outside a handler's transaction; handlers use `context.advanced`.
    """
    # Mostly nothing is parked, and an UPDATE prepares to write into every week before it finds that out.
    parked = await session.execute(
        select(_columns.consumer, _columns.event_id).where(
            _is_parked, _columns.waiting_for.in_(keys)
        )
    )
    if found := [tuple(row) for row in parked]:
        await session.execute(
            update(_table)
            .where(
                tuple_(_columns.consumer, _columns.event_id).in_(found),
                _is_parked,
            )
            .values(retry_at=func.now())
        )


async def lease_due(
    session: AsyncSession, consumer: str, *, limit: int, lease_seconds: float
) -> list[ParkedMessage]:
    """Take parked messages that are due; nobody else takes them until the lease ends."""
    due = (
        select(_columns.event_id)
        .where(
            _columns.consumer == consumer,
            _is_parked,
            _columns.retry_at <= func.now(),
        )
        .order_by(_columns.retry_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    leased = await session.execute(
        update(_table)
        .where(_columns.consumer == consumer, _columns.event_id.in_(due))
        .values(retry_at=func.now() + timedelta(seconds=lease_seconds))
        .returning(_columns.envelope, _columns.attempts)
    )
    return [
        ParkedMessage(Envelope.from_json(row.envelope), row.attempts) for row in leased.fetchall()
    ]


async def finish_parked(session: AsyncSession, consumer: str, envelope: Envelope) -> bool:
    """Record a parked message as done; False when somebody else did."""
    finished = await session.execute(
        update(_table)
        .where(_row(consumer, envelope), _is_parked)
        .values(
            status="done",
            processed_at=func.now(),
            attempts=_columns.attempts + 1,
            retry_at=None,
            envelope=None,
        )
        .returning(_columns.event_id)
    )
    return finished.first() is not None


async def postpone(
    session: AsyncSession,
    consumer: str,
    envelope: Envelope,
    *,
    waiting_for: str | None,
    seconds: float,
) -> None:
    """Count a run of a parked message that did not succeed and set its next one.

    A message that was advanced during the run stays due.
    """
    values: dict[str, object] = {
        "attempts": _columns.attempts + 1,
        "retry_at": _unless_advanced(func.now() + timedelta(seconds=seconds)),
    }
    if waiting_for is not None:
        values["waiting_for"] = waiting_for
    await session.execute(update(_table).where(_row(consumer, envelope), _is_parked).values(values))


async def give_up(session: AsyncSession, consumer: str, envelope: Envelope) -> None:
    """Stop trying a parked message. It waits for its aggregate to advance after all, or for `revive`."""
    await session.execute(
        update(_table)
        .where(_row(consumer, envelope), _is_parked)
        .values(attempts=_columns.attempts + 1, retry_at=_unless_advanced(_NEVER))
    )


async def given_up(session: AsyncSession, consumer: str) -> list[GivenUp]:
    """Return what was given up, by type."""
    found = await session.execute(
        select(
            _columns.type,
            func.count().label("count"),
            func.min(_columns.received_at).label("oldest"),
            func.min(_columns.waiting_for).label("waiting_for"),
        )
        .where(_columns.consumer == consumer, _GIVEN_UP)
        .group_by(_columns.type)
        .order_by(_columns.type)
    )
    return [GivenUp(row.type, row[1], row.oldest, row.waiting_for or "") for row in found]


async def revive(session: AsyncSession, consumer: str, *, limit: int, per_second: float) -> int:
    """Make given-up messages due one after the other, the oldest first, with all their attempts; return how many."""
    chosen = (
        select(
            _columns.event_id,
            func.row_number().over(order_by=_columns.received_at).label("number"),
        )
        .where(_columns.consumer == consumer, _GIVEN_UP)
        .order_by(_columns.received_at)
        .limit(limit)
        .cte("chosen")
    )
    pause = func.make_interval(0, 0, 0, 0, 0, 0, (chosen.c.number - 1) / float(per_second))
    revived = await session.execute(
        update(_table)
        .where(_columns.consumer == consumer, _columns.event_id == chosen.c.event_id, _GIVEN_UP)
        .values(retry_at=func.now() + pause, attempts=0)
        .returning(_columns.event_id)
    )
    return len(revived.all())


async def seconds_until_due(session: AsyncSession, consumer: str) -> float | None:
    """Return how long until the next parked message is due (0 when overdue); None when none will be by itself."""
    seconds = await session.scalar(
        select(extract("epoch", func.min(_columns.retry_at) - func.now())).where(
            _columns.consumer == consumer,
            _is_parked,
            _columns.retry_at < _NEVER,
        )
    )
    return None if seconds is None else max(0.0, float(seconds))


def _identity(consumer: str, envelope: Envelope) -> dict[str, object]:
    return {
        "consumer": consumer,
        "event_id": UUID(envelope.id),
        "type": envelope.type,
        "subject": envelope.subject,
    }


def _row(consumer: str, envelope: Envelope) -> ColumnElement[bool]:
    return and_(_columns.consumer == consumer, _columns.event_id == UUID(envelope.id))


def _unless_advanced(later: Any) -> ColumnElement[datetime]:
    """Keep a time that has come: it came while the message ran, so its aggregate advanced meanwhile.

    By the clock, not by this transaction's beginning: who advanced it may have begun a moment later.
    """
    advanced = _columns.retry_at <= func.clock_timestamp()
    return case((advanced, _columns.retry_at), else_=later)
