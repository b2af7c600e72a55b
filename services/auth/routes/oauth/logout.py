"""Logging out: by a person on our page, or sent by an application (OpenID Connect RP-Initiated Logout 1.0)."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from services.auth.domain.oauth.parameters import Parameters, parse_parameters
from services.auth.domain.oauth.redirects import form_target, is_registered, with_parameters
from services.auth.errors import OAuthError, UnusableRequest
from services.auth.routes.oauth.dependencies import ClientsDep, FlowDep, OwnTokensDep
from services.auth.routes.oauth.forms import (
    clear_browser,
    clear_cookie,
    cookie_of,
    read_form,
    read_own_form,
)
from services.auth.routes.oauth.html import PAGE, PageRoute, page, see_other
from services.auth.service.oauth.clients import Clients

router = APIRouter(route_class=PageRoute)

_PURPOSE: Final = "logout"


@router.get("/oauth2/logout", **PAGE)
async def end_login(
    request: Request, flow: FlowDep, clients: ClientsDep, own_tokens: OwnTokensDep
) -> Response:
    """Log the person out whom the application's ID token names, or ask them first, and send them back."""
    try:
        parameters = parse_parameters(request.url.query)
    except OAuthError as error:
        raise _unusable(error.description) from error
    hint = parameters.get("id_token_hint")
    claims = None if hint is None else await own_tokens.id_token(hint)
    if hint is not None and claims is None:
        raise _unusable("its id_token_hint is not an ID token of this issuer")
    destination = await _destination(clients, parameters, claims or {})
    cookie = cookie_of(request)
    login = await flow.browsers.find(cookie)
    if cookie is None or login is None:
        return _gone(destination)
    if claims is not None and claims.get("sub") == login.identity.id:
        await flow.browsers.end(cookie)
        return _gone(destination, ended=True)
    return see_other(f"/logout?request={flow.tickets.issue(_PURPOSE, {'to': destination})}")


@router.post("/oauth2/logout", **PAGE)
async def end_login_by_form(request: Request) -> Response:
    """Do the same for a request that came as a form."""
    try:
        query = urlencode(await read_form(request))
    except OAuthError as error:
        raise _unusable(error.description) from error
    return see_other(f"/oauth2/logout?{query}")


@router.get("/logout", **PAGE)
async def show_logout(request: Request, flow: FlowDep) -> Response:
    """Show who is logged in, and the button that ends it."""
    ticket = request.query_params.get("request", "")
    destination = flow.tickets.read(_PURPOSE, ticket)["to"] if ticket else ""
    cookie = cookie_of(request)
    login = await flow.browsers.find(cookie)
    if cookie is None or login is None:
        return _gone(destination)
    return page(
        "logout.html",
        form_targets=(form_target(destination),) if destination else (),
        form={"csrf": flow.tickets.proof_for(cookie), "request": ticket},
        heading="Log out?" if ticket else "You are logged in",
        email=login.identity.email,
    )


@router.post("/logout", **PAGE)
async def submit_logout(request: Request, flow: FlowDep) -> Response:
    """Log this browser out."""
    form = await read_own_form(request, flow.tickets)
    ticket = form.get("request", "")
    destination = flow.tickets.read(_PURPOSE, ticket)["to"] if ticket else ""
    await flow.browsers.end(cookie_of(request) or "")
    return _gone(destination, ended=True)


async def _destination(
    clients: Clients, parameters: Parameters, claims: Mapping[str, object]
) -> str:
    """Return where the application wants the browser next; it must have registered that."""
    uri = parameters.get("post_logout_redirect_uri")
    client_id = parameters.get("client_id", str(claims.get("aud", "")))
    if claims and claims.get("aud") != client_id:
        raise _unusable("its id_token_hint was issued to another application")
    if uri is None:
        return ""
    client = await clients.find_active(client_id)
    if client is None or not is_registered(uri, client.post_logout_redirect_uris):
        raise _unusable("it did not register the address you would return to")
    return with_parameters(uri, {"state": parameters.get("state")})


def _gone(destination: str, *, ended: bool = False) -> Response:
    response: Response
    if destination:
        response = see_other(destination)
    else:
        text = "You can close this page."
        response = page("message.html", heading="You are logged out", text=text, request_id=None)
    (clear_browser if ended else clear_cookie)(response)
    return response


def _unusable(reason: str) -> UnusableRequest:
    return UnusableRequest(
        f"The application asked to log you out in a way we cannot follow: {reason}."
    )
