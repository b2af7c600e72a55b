"""A copy of everything, and what you agree to."""

from fastapi import APIRouter, Response

from libs.idempotency.one_transaction import Idempotent, IdempotentRequired
from libs.idempotency.reply import Reply
from libs.security.dependencies import STEP_UP_PROBLEMS
from libs.web.audience import customer
from libs.web.conditional import PRIVATE
from libs.web.errors import problem_responses
from services.user.dependencies import (
    ConsentServiceDep,
    ExportingDep,
    ExportServiceDep,
    LiveProfile,
    ProfileRead,
    ProvenProfile,
)
from services.user.errors import ConsentRequired, DocumentUnknown, ExportExpired, ExportNotFound
from services.user.schemas.privacy import ConsentChanges, ConsentsView, ExportDocument, ExportView

router = APIRouter()


@router.post(
    "/v1/me/exports",
    response_model=ExportView,
    status_code=201,
    openapi_extra=customer(),
    responses=problem_responses(*STEP_UP_PROBLEMS),
)
async def request_export(
    caller: ProvenProfile, exports: ExportServiceDep, idempotency: IdempotentRequired
) -> Response:
    """Ask for a copy of everything the shop knows of you; it can be fetched for 24 hours.

    Needs a login or step-up of the last five minutes.
    """

    async def request() -> Reply:
        view = await exports.request(idempotency.id_of("exp"), caller.subject)
        return Reply(201, view, {"Location": view.href, "Cache-Control": PRIVATE})

    return await idempotency.once(request)


@router.get(
    "/v1/me/exports/{export_id}",
    openapi_extra=customer(),
    responses=problem_responses(ExportNotFound, ExportExpired),
)
async def download_export(
    export_id: str, caller: LiveProfile, exporting: ExportingDep, response: Response
) -> ExportDocument:
    """Fetch the copy, as one JSON document of what is known at this moment."""
    response.headers["Cache-Control"] = PRIVATE
    response.headers["Content-Disposition"] = f'attachment; filename="{export_id}.json"'
    return await exporting.download(export_id, caller.subject)


@router.get("/v1/me/consents", openapi_extra=customer())
async def get_consents(
    caller: ProfileRead, consents: ConsentServiceDep, response: Response
) -> ConsentsView:
    """Look what you agreed to, in which version, and when."""
    response.headers["Cache-Control"] = PRIVATE
    return await consents.of(caller.subject)


@router.put(
    "/v1/me/consents",
    response_model=ConsentsView,
    openapi_extra=customer(),
    responses=problem_responses(DocumentUnknown, ConsentRequired),
)
async def give_consents(
    body: ConsentChanges,
    caller: LiveProfile,
    consents: ConsentServiceDep,
    idempotency: Idempotent,
) -> Response:
    """Agree to documents, or take it back. Saying the same again is not written down again.

    People say so themselves: no application gets the scope this needs.
    """

    async def give() -> Reply:
        return Reply(200, await consents.give(caller.subject, body))

    return await idempotency.once(give)
