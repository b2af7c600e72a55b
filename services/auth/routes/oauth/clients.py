"""Administering applications."""

from fastapi import APIRouter, Response

from libs.runtime.resources import ResourcesDep
from libs.security.dependencies import STEP_UP_PROBLEMS
from libs.web.audience import admin
from libs.web.conditional import NO_STORE, PRIVATE
from libs.web.errors import problem_responses
from services.auth.errors import ClientExists, ClientNotFound
from services.auth.models import OAuthClient
from services.auth.routes.oauth.dependencies import ClientsAdmin, ClientsDep, ClientsReader
from services.auth.schemas.oauth import (
    ClientCredentials,
    ClientList,
    ClientRegistration,
    ClientView,
)

router = APIRouter()


@router.get("/v1/oauth-clients", openapi_extra=admin())
async def list_oauth_clients(
    _admin: ClientsReader, clients: ClientsDep, response: Response
) -> ClientList:
    """List every registered application."""
    response.headers["Cache-Control"] = PRIVATE
    return ClientList(items=[_shown(client) for client in await clients.list_all()])


@router.post(
    "/v1/oauth-clients",
    status_code=201,
    openapi_extra=admin(),
    responses=problem_responses(ClientExists, *STEP_UP_PROBLEMS),
)
async def create_oauth_client(
    body: ClientRegistration, caller: ClientsAdmin, clients: ClientsDep, response: Response
) -> ClientCredentials:
    """Register an application; its secret is in this answer and nowhere else."""
    response.headers["Cache-Control"] = NO_STORE
    secret = await clients.create(body, caller.actor)
    return ClientCredentials(client_id=body.client_id, client_secret=secret)


@router.post(
    "/v1/oauth-clients/{client_id}/secret",
    openapi_extra=admin(),
    responses=problem_responses(ClientNotFound, *STEP_UP_PROBLEMS),
)
async def rotate_oauth_client_secret(
    client_id: str, caller: ClientsAdmin, clients: ClientsDep, response: Response
) -> ClientCredentials:
    """Give a confidential application another secret; the one it had works for a day more."""
    response.headers["Cache-Control"] = NO_STORE
    secret = await clients.rotate_secret(client_id, caller.actor)
    return ClientCredentials(client_id=client_id, client_secret=secret)


@router.delete(
    "/v1/oauth-clients/{client_id}",
    status_code=204,
    openapi_extra=admin(),
    responses=problem_responses(ClientNotFound, *STEP_UP_PROBLEMS),
)
async def disable_oauth_client(
    client_id: str, caller: ClientsAdmin, clients: ClientsDep, resources: ResourcesDep
) -> None:
    """Switch an application off and end every session it has; its id stays taken."""
    await clients.disable(client_id, resources.sessions, caller.actor)


def _shown(client: OAuthClient) -> ClientView:
    return ClientView(
        client_id=client.id,
        name=client.name,
        confidential=client.secret_hash is not None,
        redirect_uris=client.redirect_uris,
        post_logout_redirect_uris=client.post_logout_redirect_uris,
        scopes=client.scopes,
        grants=client.grants,
        audiences=client.audiences,
        trusted=client.trusted,
        status=client.status,
        created_at=client.created_at,
    )
