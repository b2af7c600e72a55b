"""Sends what was sent before once more, from the outbox: the answer to a broker that lost messages."""

import asyncio
from datetime import datetime
from typing import Final

from sqlalchemy import func, select, update

from libs.database.session import Database
from libs.messaging.tables import outbox_messages

_BATCH: Final = 2_000
_LOOK_SECONDS: Final = 0.1
_MOST_LOOKS: Final = 150
_columns = outbox_messages.c


async def republish(database: Database, since: datetime) -> int:
    """Mark everything published since then as unpublished; the service's relay sends it. Return how many.

    What counts is when a message reached the broker: it may have waited in the outbox for longer.

    Receivers skip what they know. A FIFO queue that still remembers a message (five minutes) drops it too.
    The oldest go first, so each aggregate's messages keep their order among themselves.
    """
    async with database.transaction() as session:
        started = await session.scalar(select(func.clock_timestamp()))
    await _end_of_passes(database, started)
    count = 0
    while True:
        again = (
            select(_columns.id)
            # What the relay has published since this began must not be taken twice.
            .where(_columns.published_at >= since, _columns.published_at < started)
            .order_by(_columns.position)
            .limit(_BATCH)
            .with_for_update()
        )
        async with database.transaction() as session:
            marked = await session.execute(
                update(outbox_messages)
                .where(_columns.id.in_(again))
                .values(published_at=None, attempts=0, next_attempt_at=func.now(), last_error=None)
                .returning(_columns.id)
            )
            batch = len(marked.all())
        count += batch
        if batch < _BATCH:
            return count


async def _end_of_passes(database: Database, started: datetime | None) -> None:
    """Wait for relays that were sending when this began: what they sent is recorded only when all of it is answered.

    A relay keeps what it sends locked. One that hangs is not waited for beyond the longest a pass can take.
    """
    waiting = select(_columns.id).where(
        _columns.published_at.is_(None), _columns.created_at < started
    )
    for _ in range(_MOST_LOOKS):
        async with database.transaction() as session:
            free = waiting.with_for_update(skip_locked=True).subquery()
            lockable = await session.scalar(select(func.count()).select_from(free))
            if lockable == await session.scalar(
                select(func.count()).select_from(waiting.subquery())
            ):
                return
        await asyncio.sleep(_LOOK_SECONDS)
