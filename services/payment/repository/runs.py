"""Runs of the comparison: claimed by one process, finished once."""

from dataclasses import asdict
from datetime import date, datetime, timedelta

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.ids import new_id
from services.payment.domain.cases import Run, RunState, Tally
from services.payment.models import RunRow


class RunRepository:
    """Reads and changes runs. A lease is compared on the database's clock."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, provider: str, day: date, *, lease_seconds: float) -> Run | None:
        """Begin a run; None while another process is at the same day. A run whose process died is ended first."""
        await self._session.execute(
            update(RunRow)
            .where(
                RunRow.provider == provider,
                RunRow.day == day,
                RunRow.state == RunState.RUNNING,
                RunRow.lease_until < func.now(),
            )
            .values(state=RunState.FAILED, finished_at=func.now(), error="its process died")
        )
        row = await self._session.scalar(
            insert(RunRow)
            .values(
                id=new_id("rcr"),
                provider=provider,
                day=day,
                lease_until=func.now() + timedelta(seconds=lease_seconds),
            )
            .on_conflict_do_nothing(
                index_elements=["provider", "day"], index_where=RunRow.state == RunState.RUNNING
            )
            .returning(RunRow)
        )
        return _run(row) if row else None

    async def finish(self, run_id: str, *, tally: Tally, error: str | None = None) -> bool:
        """End a run; False when it was taken away because its lease was over."""
        row = await self._session.scalar(
            update(RunRow)
            .where(RunRow.id == run_id, RunRow.state == RunState.RUNNING)
            .values(
                state=RunState.FAILED if error else RunState.SUCCEEDED,
                finished_at=func.now(),
                error=error,
                **asdict(tally),
            )
            .returning(RunRow.id)
        )
        return row is not None

    async def get(self, run_id: str) -> Run | None:
        row = await self._session.scalar(select(RunRow).where(RunRow.id == run_id))
        return _run(row) if row else None

    async def done_since(self, provider: str, moment: datetime, day: date) -> bool:
        """Tell whether a run begun at or after the moment has compared the day."""
        found = await self._session.scalar(
            select(RunRow.id)
            .where(
                RunRow.provider == provider,
                RunRow.day == day,
                RunRow.state == RunState.SUCCEEDED,
                RunRow.started_at >= moment,
            )
            .limit(1)
        )
        return found is not None

    async def newest(self, *, before: tuple[datetime, str] | None, limit: int) -> list[Run]:
        """List runs, the newest first, from before the given start and id."""
        statement = select(RunRow).order_by(RunRow.started_at.desc(), RunRow.id.desc())
        if before is not None:
            statement = statement.where(tuple_(RunRow.started_at, RunRow.id) < before)
        return [_run(row) for row in await self._session.scalars(statement.limit(limit))]


def _run(row: RunRow) -> Run:
    tally = Tally(row.charges, row.refunds, row.payments, row.breaks, row.opened, row.healed)
    return Run(
        id=row.id,
        provider=row.provider,
        day=row.day,
        state=RunState(row.state),
        started_at=row.started_at,
        finished_at=row.finished_at,
        tally=tally,
        error=row.error,
    )
