"""Reconciliation, for administrators: the daily runs, and the cases they and the webhooks open."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from libs.idempotency.one_transaction import Idempotent
from libs.idempotency.reply import Reply
from libs.runtime.resources import Resources, ResourcesDep
from libs.web.audience import admin
from libs.web.conditional import (
    PreconditionFailed,
    PreconditionRequired,
    conditional_response,
    etag_of,
    json_response,
    require_match,
)
from libs.web.errors import problem_responses
from libs.web.pagination import DEFAULT_LIMIT, Cursor, CursorInvalid, Limit
from services.payment.dependencies import CaseDeskDep, ReconciliationAdmin
from services.payment.domain.cases import Case, CaseChange, CaseStatus
from services.payment.domain.reconciliation import Kind
from services.payment.errors import CaseAlreadyResolved, CaseNotFound
from services.payment.repository.cases import CaseFilter
from services.payment.schemas.reconciliation import (
    CaseAssignment,
    CaseDetail,
    CasePage,
    CaseResolution,
    CaseView,
    RunPage,
    RunView,
)

router = APIRouter(prefix="/v1/reconciliation", tags=["reconciliation"])

Id = Annotated[str | None, Query(max_length=64)]


@router.get(
    "/runs",
    response_model=RunPage,
    openapi_extra=admin(),
    responses=problem_responses(CursorInvalid),
)
async def list_reconciliation_runs(
    desk: CaseDeskDep,
    resources: ResourcesDep,
    _principal: ReconciliationAdmin,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """List the comparisons with the provider's book, the newest first."""
    before = _position(resources, cursor, "reconciliation_runs")
    rows = await desk.runs(before=before, limit=limit + 1)
    page = resources.cursors.page(
        rows,
        limit,
        position=lambda run: (run.started_at.isoformat(), run.id),
        show=RunView.of,
        of="reconciliation_runs",
    )
    return json_response(page)


@router.get(
    "/cases",
    response_model=CasePage,
    openapi_extra=admin(),
    responses=problem_responses(CursorInvalid),
)
async def list_reconciliation_cases(
    desk: CaseDeskDep,
    resources: ResourcesDep,
    _principal: ReconciliationAdmin,
    status: CaseStatus | None = None,
    kind: Kind | None = None,
    owner: Id = None,
    order_id: Id = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """List cases, the longest open first."""
    wanted = CaseFilter(status=status, kind=kind, owner=owner, order_id=order_id)
    listing = f"reconciliation_cases:{wanted}"
    after = _position(resources, cursor, listing)
    rows = await desk.cases(wanted, after=after, limit=limit + 1)
    page = resources.cursors.page(
        rows,
        limit,
        position=lambda case: (case.opened_at.isoformat(), case.id),
        show=partial(CaseView.of, now=resources.clock.now()),
        of=listing,
    )
    return json_response(page)


@router.get(
    "/cases/{case_id}",
    response_model=CaseDetail,
    openapi_extra=admin(),
    responses=problem_responses(CaseNotFound),
)
async def get_reconciliation_case(
    case_id: str,
    request: Request,
    desk: CaseDeskDep,
    resources: ResourcesDep,
    _principal: ReconciliationAdmin,
) -> Response:
    """Return a case with its history; its tag is what a change has to name in `If-Match`."""
    case, history = await desk.case(case_id)
    view = CaseDetail.with_history(case, history, resources.clock.now())
    return conditional_response(request, view, etag=etag_of(case.version))


@router.post(
    "/cases/{case_id}/assign",
    response_model=CaseDetail,
    openapi_extra=admin(),
    responses=problem_responses(
        CaseNotFound, CaseAlreadyResolved, PreconditionFailed, PreconditionRequired
    ),
)
async def assign_reconciliation_case(
    case_id: str,
    body: CaseAssignment,
    request: Request,
    desk: CaseDeskDep,
    resources: ResourcesDep,
    principal: ReconciliationAdmin,
    idempotency: Idempotent,
) -> Response:
    """Give a case to an administrator. `If-Match` with the case's tag is required."""

    async def assign() -> Reply:
        return _changed(
            resources,
            *await desk.assign(
                case_id,
                owner=body.owner,
                note=body.note,
                actor=principal.actor,
                check=lambda version: require_match(request, etag_of(version)),
            ),
        )

    return await idempotency.once(assign)


@router.post(
    "/cases/{case_id}/resolve",
    response_model=CaseDetail,
    openapi_extra=admin(),
    responses=problem_responses(
        CaseNotFound, CaseAlreadyResolved, PreconditionFailed, PreconditionRequired
    ),
)
async def resolve_reconciliation_case(
    case_id: str,
    body: CaseResolution,
    request: Request,
    desk: CaseDeskDep,
    resources: ResourcesDep,
    principal: ReconciliationAdmin,
    idempotency: Idempotent,
) -> Response:
    """Close a case with a note of what was found and done. `If-Match` with the case's tag is required."""

    async def resolve() -> Reply:
        return _changed(
            resources,
            *await desk.resolve(
                case_id,
                note=body.note,
                actor=principal.actor,
                check=lambda version: require_match(request, etag_of(version)),
            ),
        )

    return await idempotency.once(resolve)


def _changed(resources: Resources, case: Case, history: list[CaseChange]) -> Reply:
    view = CaseDetail.with_history(case, history, resources.clock.now())
    return Reply(200, view, {"ETag": etag_of(case.version)})


def _position(
    resources: Resources, cursor: str | None, listing: str
) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    moment, row_id = resources.cursors.decode(cursor, of=listing)
    return datetime.fromisoformat(str(moment)), str(row_id)
