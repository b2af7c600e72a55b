"""The daily comparison with the provider's book: which days are due, one run at a time, and what its breaks become."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final

from libs.clock import Clock
from libs.observability.logging import get_logger
from services.payment.clients.protocol import BookUnreadable, ProviderBook
from services.payment.domain.cases import Change, Run, Source, Tally
from services.payment.domain.reconciliation import Break, Day
from services.payment.repository.unit import Unit, Units
from services.payment.service.comparison import Comparison

log = get_logger(__name__)

CATCH_UP_DAYS: Final = 7
"""How many days a worker that was away makes up for."""
_RECHECK_DAYS: Final = 30
"""How long a day with open cases is compared again, so that what was healed is closed."""
_LEASE_SECONDS: Final = 3600.0
"""After this long a run is taken to be dead."""
_ACTOR: Final = "reconciliation"


class RunLostError(Exception):
    """The run took longer than its lease, and another process may be at the day: its findings must not commit."""


class Reconciliation:
    """Compares days.

    Args:
        units: our books.
        book: theirs.
        provider: whose book it is; cases and runs are kept per provider.
        clock: tells which days are over.
        at: when, in UTC, the day before is compared.
        lag_seconds: how long a movement may be on its way.
    """

    def __init__(
        self,
        units: Units,
        book: ProviderBook,
        *,
        provider: str,
        clock: Clock,
        at: time,
        lag_seconds: float,
    ) -> None:
        self._units = units
        self._book = book
        self._provider = provider
        self._clock = clock
        self._at = at
        self._lag = timedelta(seconds=lag_seconds)

    async def run_due(self) -> int:
        """Compare the days that are due, the oldest first; returns how many this process compared."""
        runs = [await self.run_day(day) for day in await self._units.run(self._due)]
        return sum(run is not None for run in runs)

    async def run_day(self, day: date) -> Run | None:
        """Compare a day; None when another process is at it.

        A run that fails, for one because the provider does not show its book, is recorded as failed and returned.
        """
        run = await self._units.run(
            lambda unit: unit.runs.claim(self._provider, day, lease_seconds=_LEASE_SECONDS)
        )
        if run is None:
            return None
        compared = Day(day, quiet_since=self._clock.now() - self._lag)
        try:
            breaks, tally = await Comparison(self._units, self._book, compared).run()
            await self._units.run(partial(self._conclude, run=run, breaks=breaks, tally=tally))
        except Exception as error:  # the day stays due, and the run says why it failed
            reason = str(error) if isinstance(error, BookUnreadable) else type(error).__name__
            log.exception("reconciliation_failed", day=day.isoformat(), reason=reason)
            await self._units.run(partial(_fail, run=run, reason=reason))
        return await self._units.run(lambda unit: unit.runs.get(run.id))

    async def _conclude(
        self, unit: Unit, *, run: Run, breaks: Sequence[Break], tally: Tally
    ) -> None:
        opened = 0
        for found in breaks:
            case_id = await unit.cases.report(
                found, provider=self._provider, source=Source.RECONCILIATION, day=run.day
            )
            if case_id is not None:
                opened += 1
                log.error(
                    "reconciliation_break",
                    case_id=case_id,
                    kind=found.kind,
                    order_id=found.order_id,
                )
        healed = await self._heal(unit, run, {(found.kind, found.subject) for found in breaks})
        tally = replace(tally, opened=opened, healed=healed)
        if not await unit.runs.finish(run.id, tally=tally):
            raise RunLostError(run.id)
        log.info("reconciled", day=run.day.isoformat(), breaks=tally.breaks, opened=opened)

    async def _heal(self, unit: Unit, run: Run, found: set[tuple[str, str]]) -> int:
        """Close what the day no longer shows."""
        waiting = await unit.cases.waiting_of_day(self._provider, run.day)
        healed = [case for case in waiting if (case.kind, case.subject) not in found]
        for case in healed:
            note = f"The books agree again: run {run.id}."
            await unit.cases.resolve(case, note=note, actor=_ACTOR, change=Change.HEALED)
        return len(healed)

    async def _due(self, unit: Unit) -> list[date]:
        """Name the days no run has compared since they were over, and those whose cases wait to be looked at today."""
        now = self._clock.now().astimezone(UTC)
        last = now.date() - timedelta(days=1 if now.time() >= self._at else 2)
        first = await unit.books.first_day()
        if first is None:
            return []
        due = {
            day
            for back in range(CATCH_UP_DAYS)
            if (day := last - timedelta(days=back)) >= first
            and not await unit.runs.done_since(self._provider, self._over(day), day)
        }
        since = last - timedelta(days=_RECHECK_DAYS)
        for day in await unit.cases.days_waiting(self._provider, since):
            if day <= last and not await unit.runs.done_since(
                self._provider, self._over(last), day
            ):
                due.add(day)
        return sorted(due)

    def _over(self, day: date) -> datetime:
        """Return the moment from which a run sees the whole day."""
        return datetime.combine(day + timedelta(days=1), self._at, UTC)


async def _fail(unit: Unit, *, run: Run, reason: str) -> None:
    await unit.runs.finish(run.id, tally=Tally(), error=reason)
