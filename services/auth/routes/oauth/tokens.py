"""Endpoints for programs: token, introspection, revocation, userinfo."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from typing_extensions import override

from libs.cache.sessions import SessionStoreUnavailable
from libs.security.principal import Principal
from libs.security.scopes import EMAIL, PROFILE
from libs.web.audience import customer, public
from libs.web.conditional import NO_STORE
from libs.web.errors import problem_responses
from services.auth.dependencies import AccountServiceDep
from services.auth.domain.oauth.parameters import required
from services.auth.errors import IdentityNotFound, OAuthError, SigningKeysUnavailable
from services.auth.models import OAuthClient
from services.auth.routes.oauth.dependencies import (
    ClientsDep,
    GrantsDep,
    IdentityReader,
    InspectionDep,
)
from services.auth.routes.oauth.forms import FORM_TYPE, presented_client, read_form
from services.auth.schemas.oauth import Introspection, OAuthProblem, TokenAnswer, UserInfo
from services.auth.service.accounts import AccountService

NOT_KEPT: Final = {"Cache-Control": NO_STORE, "Pragma": "no-cache"}

_UNAUTHORIZED: Final = 401


def _form_of(*required_names: str) -> dict[str, object]:
    schema = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in required_names},
        "required": list(required_names),
        "additionalProperties": {"type": "string"},
    }
    return public() | {
        "requestBody": {"required": True, "content": {FORM_TYPE: {"schema": schema}}},
    }


_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "Refused (RFC 6749 section 5.2).", "model": OAuthProblem},
    401: {"description": "The client did not prove who it is.", "model": OAuthProblem},
    **problem_responses(SessionStoreUnavailable, SigningKeysUnavailable),
}


class OAuthRoute(APIRoute):
    """Answers refusals in the words of OAuth, which its clients know; of all else problem documents tell."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_as_oauth(request: Request) -> Response:
            try:
                return await handle(request)
            except OAuthError as error:
                return _refusal(error)

        return handle_as_oauth


router = APIRouter(route_class=OAuthRoute)


@router.post(
    "/oauth2/token",
    response_model_exclude_none=True,
    openapi_extra=_form_of("grant_type"),
    responses=_REFUSALS,
)
async def exchange_grant(
    request: Request, response: Response, clients: ClientsDep, grants: GrantsDep
) -> TokenAnswer:
    """Exchange a code, a refresh token or a client's own credentials for tokens."""
    form = await read_form(request)
    client = await clients.authenticate(presented_client(request, form))
    answer = await grants.answer(client, form)
    response.headers.update(NOT_KEPT)
    return answer


@router.post(
    "/oauth2/introspect",
    response_model_exclude_none=True,
    openapi_extra=_form_of("token"),
    responses=_REFUSALS,
)
async def introspect_token(
    request: Request, response: Response, clients: ClientsDep, inspection: InspectionDep
) -> Introspection:
    """Tell a confidential client whether a token that concerns it is good (RFC 7662)."""
    form = await read_form(request)
    client = await clients.authenticate(presented_client(request, form))
    if _is_public(client):
        raise OAuthError(
            "invalid_client", "introspection is for clients with a secret", _UNAUTHORIZED
        )
    response.headers.update(NOT_KEPT)
    return await inspection.introspect(client, required(form, "token"))


@router.post("/oauth2/revoke", openapi_extra=_form_of("token"), responses=_REFUSALS)
async def revoke_token(
    request: Request, clients: ClientsDep, inspection: InspectionDep
) -> Response:
    """End the session a client's token belongs to; of anything else it answers the same (RFC 7009)."""
    form = await read_form(request)
    client = await clients.authenticate(presented_client(request, form))
    await inspection.revoke(client, required(form, "token"))
    return Response(status_code=200, headers=NOT_KEPT)


@router.get(
    "/oauth2/userinfo",
    response_model_exclude_none=True,
    openapi_extra=customer(),
    responses=problem_responses(IdentityNotFound),
)
async def get_userinfo(
    caller: IdentityReader, accounts: AccountServiceDep, response: Response
) -> UserInfo:
    """Tell who the token's user is, as far as its scopes go (OpenID Connect Core 1.0 section 5.3)."""
    return await _told(caller, accounts, response)


@router.post(
    "/oauth2/userinfo",
    response_model_exclude_none=True,
    openapi_extra=customer(),
    responses=problem_responses(IdentityNotFound),
)
async def get_userinfo_by_form(
    caller: IdentityReader, accounts: AccountServiceDep, response: Response
) -> UserInfo:
    """Do the same for clients that post; the token comes in the header here, too (section 5.3.1)."""
    return await _told(caller, accounts, response)


async def _told(caller: Principal, accounts: AccountService, response: Response) -> UserInfo:
    identity = await accounts.get_identity(caller.subject)
    response.headers["Cache-Control"] = NO_STORE
    proved = identity.email_verified_at is not None
    return UserInfo(
        sub=identity.id,
        name=identity.display_name if caller.has(PROFILE) else None,
        email=identity.email if caller.has(EMAIL) else None,
        email_verified=proved if caller.has(EMAIL) else None,
    )


def _is_public(client: OAuthClient) -> bool:
    return client.secret_hash is None


def _refusal(error: OAuthError) -> Response:
    headers = dict(NOT_KEPT)
    if error.status == _UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="meridian", charset="UTF-8"'
    body = {"error": error.error, "error_description": error.description}
    return JSONResponse(body, error.status, headers)
