"""Working the cases: reading them, taking them on, and closing them with a note."""

from collections.abc import Callable
from datetime import datetime

from services.payment.domain.cases import Case, CaseChange, CaseStatus, Run
from services.payment.errors import CaseAlreadyResolved, CaseNotFound
from services.payment.repository.cases import CaseFilter
from services.payment.repository.unit import Unit

VersionCheck = Callable[[int], None]
"""Refuses a version its caller has not seen."""

Position = tuple[datetime, str]


class CaseDesk:
    """Works in one transaction. Every change is kept with who made it."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def runs(self, *, before: Position | None, limit: int) -> list[Run]:
        return await self._unit.runs.newest(before=before, limit=limit)

    async def cases(self, wanted: CaseFilter, *, after: Position | None, limit: int) -> list[Case]:
        return await self._unit.cases.oldest(wanted, after=after, limit=limit)

    async def case(self, case_id: str) -> tuple[Case, list[CaseChange]]:
        """Return a case and its history.

        Raises:
            CaseNotFound: there is none.
        """
        case = await self._unit.cases.get(case_id)
        if case is None:
            raise CaseNotFound
        return case, await self._unit.cases.history(case_id)

    async def assign(
        self, case_id: str, *, owner: str, note: str | None, actor: str, check: VersionCheck
    ) -> tuple[Case, list[CaseChange]]:
        """Give a case to somebody, or to somebody else.

        Raises:
            CaseNotFound: there is none.
            CaseAlreadyResolved: there is nothing left to work on.
        """
        case = await self._waiting(case_id, check)
        changed = await self._unit.cases.assign(case, owner=owner, note=note, actor=actor)
        return changed, await self._unit.cases.history(case_id)

    async def resolve(
        self, case_id: str, *, note: str, actor: str, check: VersionCheck
    ) -> tuple[Case, list[CaseChange]]:
        """Close a case; the note says what was found and done.

        Raises:
            CaseNotFound: there is none.
            CaseAlreadyResolved: somebody was faster.
        """
        case = await self._waiting(case_id, check)
        changed = await self._unit.cases.resolve(case, note=note, actor=actor)
        return changed, await self._unit.cases.history(case_id)

    async def _waiting(self, case_id: str, check: VersionCheck) -> Case:
        case = await self._unit.cases.locked(case_id)
        if case is None:
            raise CaseNotFound
        check(case.version)
        if case.status is CaseStatus.RESOLVED:
            raise CaseAlreadyResolved(f"It was closed with the note: {case.note}")
        return case
