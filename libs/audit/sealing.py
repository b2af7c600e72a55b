"""Chains what was recorded: whoever records only inserts, and one worker at a time puts the entries into their order.

A chain that writers extend themselves would make every payment wait for the one before it. An entry is therefore
sealed after its commit, within `SEAL_SECONDS` while a worker runs. The head of the chain goes to the process's log,
which the database's administrator does not keep: with it a later verification finds a tail that was cut off.
"""

from typing import Final

from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.audit.chain import Entry, Head, beginning
from libs.audit.tables import audit_entries, audit_seals, audit_unsealed
from libs.database.session import Database, after_commit
from libs.observability.logging import get_logger
from libs.observability.metrics import gauge

SEAL_SECONDS: Final = 2.0
BATCH: Final = 500

_TURN: Final = text(
    "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || ' audit', 0)),"
    " current_schema()"
)
_WAITING: Final = text("""
    SELECT coalesce(extract(epoch FROM now() - (
        SELECT recorded_at FROM audit_entries
        WHERE id = (SELECT entry_id FROM audit_unsealed ORDER BY position LIMIT 1)
    )), 0)::float
""")

log = get_logger(__name__)


class Sealer:
    """Seals one schema's entries; any number of workers may try at the same time."""

    def __init__(self, database: Database, *, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch
        self._age = 0.0

    def show(self) -> None:
        """Show how long the oldest entry has waited for its seal, with the metrics."""
        gauge(
            "audit_oldest_unsealed_age",
            lambda: self._age,
            unit="s",
            description="Seconds since the oldest entry of the audit log that is not sealed yet",
        )

    async def run(self) -> int:
        """Seal everything that waits and return how many entries that were."""
        sealed = 0
        while True:
            async with self._database.transaction() as session:
                done = await self._seal_some(session)
            sealed += done
            if done < self._batch:
                break
        async with self._database.transaction() as session:
            self._age = float(await session.scalar(_WAITING) or 0.0)
        return sealed

    async def _seal_some(self, session: AsyncSession) -> int:
        mine, schema = (await session.execute(_TURN)).one()
        if not mine:
            return 0
        entries = await _waiting(session, self._batch)
        if not entries:
            return 0
        head = await _head(session, schema)
        seals = []
        for entry in entries:
            head = head.next(entry)
            seals.append({"number": head.number, "entry_id": entry.id, "digest": head.digest})
        await session.execute(insert(audit_seals), seals)
        await session.execute(
            delete(audit_unsealed).where(
                audit_unsealed.c.position.in_([entry.position for entry in entries])
            )
        )
        published = head.told()
        after_commit(session, lambda: log.info("audit_sealed", schema=schema, head=published))
        return len(entries)


async def _waiting(session: AsyncSession, limit: int) -> list[Entry]:
    rows = await session.execute(
        select(audit_entries)
        .join(audit_unsealed, audit_unsealed.c.entry_id == audit_entries.c.id)
        .order_by(audit_unsealed.c.position)
        .limit(limit)
    )
    return [Entry(**row) for row in rows.mappings()]


async def _head(session: AsyncSession, schema: str) -> Head:
    last = (
        await session.execute(
            select(audit_seals.c.number, audit_seals.c.digest)
            .order_by(audit_seals.c.number.desc())
            .limit(1)
        )
    ).first()
    return beginning(schema) if last is None else Head(last.number, last.digest)
