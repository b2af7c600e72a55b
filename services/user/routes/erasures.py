"""Being forgotten: asking for it, looking how far it is, and the receipt when the account is gone."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from libs.security.dependencies import STEP_UP_PROBLEMS
from libs.web.audience import customer, public
from libs.web.conditional import NO_STORE
from libs.web.errors import problem_responses
from services.user.dependencies import (
    ErasureRequestsDep,
    ErasureServiceDep,
    LoggedIn,
    ToBeForgotten,
)
from services.user.errors import ErasureNotFound, StillStaff
from services.user.schemas.erasures import ErasureRequestedView, ErasureView

router = APIRouter()

ErasureToken = Annotated[
    str,
    Header(alias="Erasure-Token", max_length=100, description="The `receipt_token` of the request"),
]


@router.post(
    "/v1/me/erasure",
    status_code=202,
    openapi_extra=customer(),
    responses=problem_responses(StillStaff, *STEP_UP_PROBLEMS),
)
async def request_erasure(
    caller: ToBeForgotten, requests: ErasureRequestsDep, response: Response
) -> ErasureRequestedView:
    """Be forgotten. There is no way back: the account is closed and every session ends at once.

    Needs a login or step-up of the last five minutes. Keep the `receipt_token`: with it the receipt can be read later.
    When the answer gets lost, ask again: it is the same one for as long as the access token lives, though its session is over.
    Nothing is removed while an order is not finished; the state is `held` then.
    """
    view = await requests.request(caller.subject)
    response.headers["Location"] = f"/v1/erasures/{view.erasure_id}"
    response.headers["Cache-Control"] = NO_STORE
    return view


@router.get(
    "/v1/me/erasure", openapi_extra=customer(), responses=problem_responses(ErasureNotFound)
)
async def get_erasure(
    caller: LoggedIn, service: ErasureServiceDep, response: Response
) -> ErasureView:
    """Look how far your erasure is, while your access token still lives."""
    response.headers["Cache-Control"] = NO_STORE
    return await service.of_caller(caller.subject)


@router.get(
    "/v1/erasures/{erasure_id}",
    openapi_extra=public(),
    responses=problem_responses(ErasureNotFound),
)
async def get_erasure_receipt(
    erasure_id: str, token: ErasureToken, service: ErasureServiceDep, response: Response
) -> ErasureView:
    """Look how far an erasure is, and get its receipt, with the token that the request was answered with."""
    response.headers["Cache-Control"] = NO_STORE
    return await service.by_receipt(erasure_id, token)
