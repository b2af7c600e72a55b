"""Removes the log's oldest entries, from its beginning alone; what is left proves itself from the checkpoint on."""

from datetime import timedelta
from typing import Final

from sqlalchemy import text

from libs.audit.verification import Verdict, check, sealed, start_of
from libs.database.session import Database
from libs.observability.logging import get_logger

BATCH: Final = 1_000

_FORGET: Final = text("SELECT forget_audit_entries(:age, :most)")

log = get_logger(__name__)


class AuditRetention:
    """One schema's log, kept for `days`; any number of workers may try at the same time."""

    def __init__(self, database: Database, days: int, *, batch: int = BATCH) -> None:
        self._database = database
        self._age = timedelta(days=days)
        self._batch = batch

    async def run(self) -> int:
        """Remove what is too old, some at a time, and return how many entries that were.

        What does not verify is evidence: it stays, with all that follows, until somebody has looked at it.
        """
        removed = 0
        while await self._is_whole():
            async with self._database.transaction() as session:
                now_gone = int(
                    await session.scalar(_FORGET, {"age": self._age, "most": self._batch}) or 0
                )
            removed += now_gone
            if now_gone:
                checkpoint = (await start_of(self._database)).told()
                log.info("audit_forgotten", checkpoint=checkpoint, entries=now_gone)
            if now_gone < self._batch:
                break
        return removed

    async def _is_whole(self) -> bool:
        start = await start_of(self._database)
        verdict = Verdict(start, start)
        async for row in sealed(self._database, start.number, self._batch + 1):
            check(row, verdict)
        if verdict.problems:
            log.error("audit_log_not_whole", problem=verdict.problems[0], see="make audit")
        return not verdict.problems
