"""Keeps outbox and inbox for as long as the routing table promises: weeks are made ahead and dropped whole."""

import asyncio
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError

from libs.clock import utc_now
from libs.database.session import Database, is_lock_timeout
from libs.messaging.routing import Routing
from libs.observability.logging import get_logger
from libs.observability.metrics import Observation, gauge

log = get_logger(__name__)

_PAGES: Final = 10_000
_BATCH: Final = 1_000
_TRIES: Final = 20
_PAUSE_SECONDS: Final = 1.0

_WEEKS: Final = text(r"""
    SELECT relname AS name, uuid_extract_timestamp(
            substring(pg_get_expr(relpartbound, oid) FROM 'TO \(''([0-9a-f-]{36})''')::uuid) AS ended
    FROM pg_class JOIN pg_inherits ON inhrelid = oid
    WHERE inhparent = to_regclass(:table) ORDER BY ended
""")
_CREATE: Final = text("SELECT create_message_partition(:table)")
_DROP: Final = text("SELECT drop_message_partition(:table, :part)")
_SIZE: Final = text(
    "SELECT pg_relation_size(to_regclass(:part)) / current_setting('block_size')::bigint"
)

# What a person or a process still waits for, and what may still have to be sent again.
_NEEDED: Final[Mapping[str, str]] = {
    "outbox_messages": "published_at IS NULL"
    " OR published_at > now() - make_interval(days => {days:d})",
    "inbox_messages": "status <> 'done'",
}
_PURGE: Final[Mapping[str, str]] = {
    "outbox_messages": """
        DELETE FROM outbox_messages_default WHERE id IN (
            SELECT id FROM outbox_messages_default
            WHERE published_at < now() - make_interval(days => :days)
            LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING 1
    """,
    "inbox_messages": """
        DELETE FROM inbox_messages_default WHERE (consumer, event_id) IN (
            SELECT consumer, event_id FROM inbox_messages_default
            WHERE status = 'done' AND received_at < now() - make_interval(days => :days)
            LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING 1
    """,
}


class PartitionBusyError(Exception):
    """Requests never left the table alone for as long as a change of its partitions takes."""


@dataclass(frozen=True, slots=True)
class Week:
    """One partition; `ended` is when its last id could be made, None for the default partition."""

    name: str
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A partition past its retention that is still there: `needed` by a row in it, or `busy` all the time."""

    table: str
    partition: str
    reason: str


class Retention:
    """The partitions of one schema; any number of workers may keep them at the same time.

    No request waits for it longer than a tenth of a second: what cannot be locked in that time is tried again a
    second later, and after twenty tries at the next run.
    """

    def __init__(
        self,
        database: Database,
        routing: Routing | None = None,
        *,
        tries: int = _TRIES,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        days = (routing or Routing.load()).retention_days
        self.days: Final = {"outbox_messages": days.outbox, "inbox_messages": days.inbox}
        self.kept: list[Kept] = []
        self._database = database
        self._tries = tries
        self._pause_seconds = pause_seconds
        self._oldest: dict[str, datetime] = {}

    def show(self) -> None:
        """Show the oldest week of each table, and the weeks that are kept for a reason, with the metrics."""
        gauge(
            "messaging_oldest_partition_age",
            self._ages,
            unit="s",
            description="Seconds since the oldest week of outbox or inbox ended",
        )
        gauge(
            "messaging_partitions_kept",
            self._reasons,
            description="Weeks past their retention that could not be dropped, by reason",
        )

    async def run(self) -> None:
        """Make the next weeks, drop the old ones, and empty the default partition of what is old."""
        kept: list[Kept] = []
        for table, days in self.days.items():
            await self._create_ahead(table)
            kept += await self._drop_old(table, days)
            await self._purge_default(table, days)
            ends = [week.ended for week in await self._weeks(table) if week.ended is not None]
            self._oldest[table] = min(ends)
        self.kept = kept

    async def _create_ahead(self, table: str) -> None:
        try:
            while name := await self._patiently(_CREATE, table=table):
                log.info("partition_created", partition=name)
        except PartitionBusyError:
            log.warning("partition_not_created", table=table, reason="busy")

    async def _drop_old(self, table: str, days: int) -> list[Kept]:
        limit = utc_now() - timedelta(days=days)
        kept: list[Kept] = []
        for week in await self._weeks(table):
            if week.ended is None or week.ended > limit:
                continue
            reason = await self._drop(table, week.name, days)
            if reason is None:
                log.info("partition_dropped", partition=week.name)
                continue
            kept.append(Kept(table, week.name, reason))
            log.warning("partition_kept", partition=week.name, reason=reason)
        return kept

    async def _drop(self, table: str, part: str, days: int) -> str | None:
        """Drop one week; return why it was not."""
        try:
            if await self._is_needed(table, part, days):
                return "needed"
            return None if await self._patiently(_DROP, table=table, part=part) else "needed"
        except PartitionBusyError:
            return "busy"

    async def _is_needed(self, table: str, part: str, days: int) -> bool:
        """Look at every row, some megabytes per statement, so that none runs into a time limit."""
        async with self._database.transaction() as session:
            pages: int | None = await session.scalar(_SIZE, {"part": part})
        needed = _NEEDED[table].format(days=days)
        for first in range(0, pages or 0, _PAGES):
            query = text(
                f"SELECT EXISTS (SELECT FROM {part} WHERE ({needed})"  # noqa: S608 - names from the catalogue
                f" AND ctid >= '({first},0)' AND ctid < '({first + _PAGES},0)')"
            )
            async with self._database.transaction() as session:
                if await session.scalar(query):
                    return True
        return False

    async def _purge_default(self, table: str, days: int) -> None:
        query = text(_PURGE[table])
        deleted = _BATCH
        while deleted == _BATCH:
            async with self._database.transaction() as session:
                rows = await session.execute(query, {"days": days, "limit": _BATCH})
                deleted = len(rows.all())

    async def _weeks(self, table: str) -> list[Week]:
        async with self._database.transaction() as session:
            rows = await session.execute(_WEEKS, {"table": table})
            return [Week(row.name, row.ended) for row in rows]

    async def _patiently(self, function: TextClause, **arguments: str) -> object:
        for _ in range(self._tries):
            try:
                async with self._database.transaction() as session:
                    return await session.scalar(function, arguments)
            except DBAPIError as error:
                if not is_lock_timeout(error):
                    raise
            await asyncio.sleep(self._pause_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - jitter is no secret
        raise PartitionBusyError

    def _ages(self) -> Iterable[Observation]:
        now = utc_now()
        return [
            Observation(max(0.0, (now - ended).total_seconds()), {"table": table})
            for table, ended in self._oldest.items()
        ]

    def _reasons(self) -> Iterable[Observation]:
        counts: dict[tuple[str, str], int] = {}
        for table in self.days:
            for reason in ("needed", "busy"):
                counts[table, reason] = sum(
                    (one.table, one.reason) == (table, reason) for one in self.kept
                )
        return [
            Observation(count, {"table": table, "reason": reason})
            for (table, reason), count in counts.items()
        ]
