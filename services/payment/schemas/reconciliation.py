"""What payment takes and answers about reconciliation."""

from datetime import date, datetime
from typing import Annotated, Self

from pydantic import Field

from libs.web.pagination import Page
from libs.web.strict import RequestModel, ResponseModel
from services.payment.domain.cases import Case, CaseChange, Run

Note = Annotated[str, Field(min_length=1, max_length=2000)]


class CaseAssignment(RequestModel):
    """Who works on the case from now on."""

    owner: Annotated[
        str, Field(min_length=1, max_length=64, description="Id of an administrator, `usr_...`.")
    ]
    note: Note | None = None


class CaseResolution(RequestModel):
    """What was found and done."""

    note: Note


class RunView(ResponseModel):
    """One comparison of a day with the provider's book."""

    run_id: str
    provider: str
    day: date
    state: str
    started_at: datetime
    finished_at: datetime | None
    charges: int
    refunds: int
    payments: int
    breaks: int
    cases_opened: int
    cases_healed: int
    error: str | None

    @classmethod
    def of(cls, run: Run) -> Self:
        return cls(
            run_id=run.id,
            provider=run.provider,
            day=run.day,
            state=run.state,
            started_at=run.started_at,
            finished_at=run.finished_at,
            charges=run.tally.charges,
            refunds=run.tally.refunds,
            payments=run.tally.payments,
            breaks=run.tally.breaks,
            cases_opened=run.tally.opened,
            cases_healed=run.tally.healed,
            error=run.error,
        )


RunPage = Page[RunView]


class CaseView(ResponseModel):
    """A difference between the provider's book and ours. `ours` and `theirs` are as they were when it was found."""

    case_id: str
    kind: str
    source: str
    provider: str
    day: date
    payment_id: str | None
    order_id: str | None
    provider_reference: str | None
    ours: str
    theirs: str
    status: str
    owner: str | None
    note: str | None
    opened_at: datetime
    resolved_at: datetime | None
    age_seconds: int
    version: int

    @classmethod
    def of(cls, case: Case, now: datetime) -> Self:
        return cls(
            case_id=case.id,
            kind=case.kind,
            source=case.source,
            provider=case.provider,
            day=case.day,
            payment_id=case.payment_id,
            order_id=case.order_id,
            provider_reference=case.provider_reference,
            ours=case.ours,
            theirs=case.theirs,
            status=case.status,
            owner=case.owner,
            note=case.note,
            opened_at=case.opened_at,
            resolved_at=case.resolved_at,
            age_seconds=int(((case.resolved_at or now) - case.opened_at).total_seconds()),
            version=case.version,
        )


CasePage = Page[CaseView]


class CaseChangeView(ResponseModel):
    """One line of a case's history."""

    change: str
    actor: str
    owner: str | None
    note: str | None
    at: datetime


class CaseDetail(ResponseModel):
    """A case and everything that happened to it, the oldest first."""

    case: CaseView
    history: list[CaseChangeView]

    @classmethod
    def with_history(cls, case: Case, history: list[CaseChange], now: datetime) -> Self:
        return cls(
            case=CaseView.of(case, now),
            history=[
                CaseChangeView(
                    change=line.change,
                    actor=line.actor,
                    owner=line.owner,
                    note=line.note,
                    at=line.at,
                )
                for line in history
            ],
        )
