"""Cases and their history; every change of a case adds a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.ids import new_id
from services.payment.domain.cases import Case, CaseChange, CaseStatus, Change, OpenCases, Source
from services.payment.domain.reconciliation import Break, Kind
from services.payment.models import CaseChangeRow, CaseRow

_WAITING = (CaseStatus.OPEN, CaseStatus.ASSIGNED)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases to list; None leaves a question open."""

    status: str | None = None
    kind: str | None = None
    owner: str | None = None
    order_id: str | None = None


class CaseRepository:
    """Reads and changes cases."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def report(self, found: Break, *, provider: str, source: Source, day: date) -> str | None:
        """Open a case for a difference; returns its id, or None when it has one.

        What was healed and differs again is opened again. What somebody resolved stays resolved: they know.
        """
        case_id: str | None = await self._session.scalar(
            insert(CaseRow)
            .values(
                id=new_id("rcc"),
                provider=provider,
                kind=found.kind,
                source=source,
                subject=found.subject,
                day=day,
                payment_id=found.payment_id,
                order_id=found.order_id,
                provider_reference=found.provider_reference,
                ours=found.ours,
                theirs=found.theirs,
            )
            .on_conflict_do_nothing(index_elements=["provider", "kind", "subject"])
            .returning(CaseRow.id)
        )
        if case_id is not None:
            await self._note(case_id, Change.OPENED, actor=source)
            return case_id
        return await self._reopen(found, provider)

    async def _reopen(self, found: Break, provider: str) -> str | None:
        last = (
            select(CaseChangeRow.change)
            .where(CaseChangeRow.case_id == CaseRow.id)
            .order_by(CaseChangeRow.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        case_id: str | None = await self._session.scalar(
            update(CaseRow)
            .where(
                CaseRow.provider == provider,
                CaseRow.kind == found.kind,
                CaseRow.subject == found.subject,
                CaseRow.status == CaseStatus.RESOLVED,
                last == Change.HEALED,
            )
            .values(
                status=CaseStatus.OPEN,
                owner=None,
                note=None,
                resolved_at=None,
                ours=found.ours,
                theirs=found.theirs,
                version=CaseRow.version + 1,
            )
            .returning(CaseRow.id)
        )
        if case_id is not None:
            await self._note(case_id, Change.REOPENED, actor=Source.RECONCILIATION)
        return case_id

    async def waiting_of_day(self, provider: str, day: date) -> list[Case]:
        """List a day's cases that the comparison found and nobody has resolved."""
        rows = await self._session.scalars(
            select(CaseRow).where(
                CaseRow.provider == provider,
                CaseRow.day == day,
                CaseRow.source == Source.RECONCILIATION,
                CaseRow.status.in_(_WAITING),
            )
        )
        return [_case(row) for row in rows]

    async def days_waiting(self, provider: str, since: date) -> set[date]:
        """Return the days since one that have such cases."""
        found = await self._session.scalars(
            select(CaseRow.day)
            .where(
                CaseRow.provider == provider,
                CaseRow.day >= since,
                CaseRow.source == Source.RECONCILIATION,
                CaseRow.status.in_(_WAITING),
            )
            .distinct()
        )
        return set(found)

    async def locked(self, case_id: str) -> Case | None:
        row = await self._session.scalar(
            select(CaseRow)
            .where(CaseRow.id == case_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return _case(row) if row else None

    async def get(self, case_id: str) -> Case | None:
        row = await self._session.scalar(select(CaseRow).where(CaseRow.id == case_id))
        return _case(row) if row else None

    async def assign(self, case: Case, *, owner: str, note: str | None, actor: str) -> Case:
        values = {"status": CaseStatus.ASSIGNED, "owner": owner}
        changed = await self._change(case, **values)
        await self._note(case.id, Change.ASSIGNED, actor=actor, owner=owner, note=note)
        return changed

    async def resolve(
        self, case: Case, *, note: str, actor: str, change: Change = Change.RESOLVED
    ) -> Case:
        changed = await self._change(
            case, status=CaseStatus.RESOLVED, note=note, resolved_at=func.now()
        )
        await self._note(case.id, change, actor=actor, owner=case.owner, note=note)
        return changed

    async def history(self, case_id: str) -> list[CaseChange]:
        rows = await self._session.scalars(
            select(CaseChangeRow).where(CaseChangeRow.case_id == case_id).order_by(CaseChangeRow.id)
        )
        return [
            CaseChange(Change(row.change), row.actor, row.owner, row.note, row.at) for row in rows
        ]

    async def oldest(
        self, wanted: CaseFilter, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[Case]:
        """List cases, the longest open first, from after the given opening and id."""
        statement = select(CaseRow).order_by(CaseRow.opened_at, CaseRow.id)
        columns = {
            CaseRow.status: wanted.status,
            CaseRow.kind: wanted.kind,
            CaseRow.owner: wanted.owner,
            CaseRow.order_id: wanted.order_id,
        }
        for column, value in columns.items():
            if value is not None:
                statement = statement.where(column == value)
        if after is not None:
            statement = statement.where(tuple_(CaseRow.opened_at, CaseRow.id) > after)
        return [_case(row) for row in await self._session.scalars(statement.limit(limit))]

    async def waiting(self) -> Sequence[OpenCases]:
        """Count the cases that wait for somebody, by kind."""
        age = func.extract("epoch", func.now() - func.min(CaseRow.opened_at))
        rows = await self._session.execute(
            select(CaseRow.kind, func.count(), age)
            .where(CaseRow.status.in_(_WAITING))
            .group_by(CaseRow.kind)
        )
        return [OpenCases(Kind(kind), count, float(seconds)) for kind, count, seconds in rows]

    async def _change(self, case: Case, **values: object) -> Case:
        row = await self._session.scalar(
            update(CaseRow)
            .where(CaseRow.id == case.id)
            .values(version=CaseRow.version + 1, **values)
            .returning(CaseRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        if row is None:
            raise LookupError(case.id)
        return _case(row)

    async def _note(
        self,
        case_id: str,
        change: Change,
        *,
        actor: str,
        owner: str | None = None,
        note: str | None = None,
    ) -> None:
        await self._session.execute(
            insert(CaseChangeRow).values(
                case_id=case_id, change=change, actor=actor, owner=owner, note=note
            )
        )


def _case(row: CaseRow) -> Case:
    return Case(
        id=row.id,
        provider=row.provider,
        kind=Kind(row.kind),
        source=Source(row.source),
        subject=row.subject,
        day=row.day,
        payment_id=row.payment_id,
        order_id=row.order_id,
        provider_reference=row.provider_reference,
        ours=row.ours,
        theirs=row.theirs,
        status=CaseStatus(row.status),
        owner=row.owner,
        note=row.note,
        version=row.version,
        opened_at=row.opened_at,
        resolved_at=row.resolved_at,
    )
