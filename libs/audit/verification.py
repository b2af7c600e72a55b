"""Reads a whole log and tells what was changed, removed or put into it since it was written."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, func, select, text

from libs.audit.chain import LEAST_KEPT_DAYS, Entry, Head, beginning
from libs.audit.tables import audit_checkpoints, audit_entries, audit_seals, audit_unsealed
from libs.clock import utc_now
from libs.database.session import Database

PAGE: Final = 2_000

_FIELDS: Final = tuple(column.name for column in audit_entries.columns)
_NEVER_QUEUED: Final = text("""
    SELECT id FROM audit_entries AS entry
    WHERE NOT EXISTS (SELECT FROM audit_seals WHERE entry_id = entry.id)
      AND NOT EXISTS (SELECT FROM audit_unsealed
          WHERE entry_id = entry.id AND position = entry.position)
    ORDER BY position LIMIT 100
""")
_NEVER_WRITTEN: Final = text("""
    SELECT entry_id FROM audit_unsealed AS queued
    WHERE NOT EXISTS (SELECT FROM audit_entries
        WHERE id = queued.entry_id AND position = queued.position)
    ORDER BY position LIMIT 100
""")


@dataclass(slots=True)
class Verdict:
    """What a verification found; `problems` is empty when the log is as it was written."""

    head: Head
    start: Head
    waiting: int = 0
    problems: list[str] = field(default_factory=list)


async def verify(database: Database, anchors: Sequence[Head] = ()) -> Verdict:
    """Compute every seal of a schema again and compare.

    Args:
        database: the schema, with any role that may read it.
        anchors: heads that were published once (`audit_sealed` in the processes' logs). Without one, a tail that was
            cut off, or a chain that was computed anew from some entry on, cannot be told from an honest one.
    """
    start = await start_of(database)
    verdict = Verdict(start, start)
    expected = {anchor.number: anchor for anchor in anchors}
    _compare(verdict, expected)
    async for row in sealed(database, start.number):
        if start.number and verdict.head == start:
            _check_age(row, verdict)
        check(row, verdict)
        _compare(verdict, expected)
    if start.number and verdict.head == start:
        verdict.problems.append(f"every seal after {start.number} is gone")
    verdict.problems += [_missed(number, verdict) for number in sorted(expected)]
    await _check_unsealed(database, verdict)
    return verdict


async def start_of(database: Database) -> Head:
    """Return what the oldest entry is sealed upon: the schema's own beginning, or the last seal that was removed."""
    last = select(audit_checkpoints).order_by(audit_checkpoints.c.number.desc()).limit(1)
    async with database.transaction() as session:
        removed = (await session.execute(last)).first()
        schema = str(await session.scalar(text("SELECT current_schema()")))
    return beginning(schema) if removed is None else Head(removed.number, removed.digest)


def check(row: RowMapping, verdict: Verdict) -> None:
    """Check one seal, and go on from what is stored, so that each problem is named once and where it is."""
    number, entry_id = row["number"], row["entry_id"]
    before = verdict.head
    if number != before.number + 1:
        verdict.problems.append(f"seals {before.number + 1} to {number - 1} are gone")
    elif row["id"] is None:
        verdict.problems.append(f"entry {entry_id} of seal {number} is gone")
    elif before.next(Entry(**{name: row[name] for name in _FIELDS})).digest != row["digest"]:
        verdict.problems.append(f"entry {entry_id} or its seal {number} was changed")
    verdict.head = Head(number, row["digest"])


async def sealed(
    database: Database, after: int, most: int | None = None
) -> AsyncIterator[RowMapping]:
    """Read seals with their entries, in order, some thousand per transaction; all of them, or the first `most`."""
    last = None if most is None else after + most
    while True:
        query = (
            select(audit_seals, audit_entries)
            .join(audit_entries, audit_entries.c.id == audit_seals.c.entry_id, isouter=True)
            .where(audit_seals.c.number > after)
            .order_by(audit_seals.c.number)
            .limit(PAGE)
        )
        if last is not None:
            query = query.where(audit_seals.c.number <= last)
        async with database.transaction() as session:
            rows = (await session.execute(query)).mappings().all()
        for row in rows:
            yield row
        if len(rows) < PAGE:
            return
        after = rows[-1]["number"]


def _compare(verdict: Verdict, expected: dict[int, Head]) -> None:
    anchor = expected.pop(verdict.head.number, None)
    if anchor is not None and anchor != verdict.head:
        verdict.problems.append(f"seal {anchor.number} is not the one that was published")


def _check_age(first: RowMapping, verdict: Verdict) -> None:
    """The oldest entry that is left was too old itself, or what is gone went too early: its date is part of its seal."""
    recorded_at = first["recorded_at"]
    if recorded_at is None or recorded_at > utc_now() - timedelta(days=LEAST_KEPT_DAYS):
        verdict.problems.append(
            f"entries up to seal {verdict.start.number} were removed before they were {LEAST_KEPT_DAYS} days old"
        )


def _missed(number: int, verdict: Verdict) -> str:
    if number < verdict.start.number:
        return (
            f"seal {number} was published and is gone: the log begins after {verdict.start.number}"
        )
    return f"seal {number} was published and is gone: the chain ends at {verdict.head.number}"


async def _check_unsealed(database: Database, verdict: Verdict) -> None:
    async with database.transaction() as session:
        verdict.waiting = (
            await session.scalar(select(func.count()).select_from(audit_unsealed)) or 0
        )
        never_queued: Sequence[UUID] = (await session.scalars(_NEVER_QUEUED)).all()
        never_written: Sequence[UUID] = (await session.scalars(_NEVER_WRITTEN)).all()
    verdict.problems += [f"entry {one} was put in past the log" for one in never_queued]
    verdict.problems += [f"entry {one} is gone before it was sealed" for one in never_written]
