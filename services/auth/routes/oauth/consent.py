"""The consent page: what an application asks for, in words, and two buttons."""

from fastapi import APIRouter, Request, Response

from libs.security.scopes import OFFLINE_ACCESS
from services.auth.domain.oauth.redirects import form_target
from services.auth.domain.oauth.scopes import DESCRIPTIONS
from services.auth.repository import BrowserLogin
from services.auth.routes.oauth.dependencies import Flow, FlowDep
from services.auth.routes.oauth.forms import cookie_of, read_own_form
from services.auth.routes.oauth.html import PAGE, PageRoute, page, see_other
from services.auth.routes.oauth.progress import Pending, go_on, pending_of
from services.auth.service.oauth.authorization import Asked, Step

router = APIRouter(route_class=PageRoute)


@router.get("/consent", **PAGE)
async def show_consent(request: Request, flow: FlowDep) -> Response:
    """Show what the application asks for."""
    ticket = request.query_params.get("request", "")
    pending = pending_of(flow, ticket)
    asked, login, step = await _standing(request, flow, pending)
    if login is None or step is not Step.CONSENT:
        return await go_on(flow, asked, pending, login)
    return _form(request, flow, ticket, asked, login)


@router.post("/consent", **PAGE)
async def submit_consent(request: Request, flow: FlowDep) -> Response:
    """Note the answer and tell the application."""
    form = await read_own_form(request, flow.tickets)
    pending = pending_of(flow, form.get("request", ""))
    asked, login, step = await _standing(request, flow, pending)
    if login is None or step is Step.LOGIN:
        return await go_on(flow, asked, pending, login)
    if form.get("decision") != "allow":
        text = "the person did not allow it"
        return see_other(flow.authorizations.refusal(asked, "access_denied", text))
    await flow.authorizations.allow(asked, login)
    return see_other(await flow.authorizations.issue_code(asked, login))


async def _standing(
    request: Request, flow: Flow, pending: Pending
) -> tuple[Asked, BrowserLogin | None, Step]:
    asked = await flow.authorizations.read(pending.query)
    login = await flow.browsers.find(cookie_of(request))
    fresh = pending.was_made_for_it(login)
    return asked, login, await flow.authorizations.next_step(asked, login, fresh=fresh)


def _form(request: Request, flow: Flow, ticket: str, asked: Asked, login: BrowserLogin) -> Response:
    scopes = flow.authorizations.scopes_for(asked, login)
    return page(
        "consent.html",
        form_targets=(form_target(asked.redirect_uri),),
        form={"csrf": flow.tickets.proof_for(cookie_of(request) or ""), "request": ticket},
        client_name=asked.client.name,
        email=login.identity.email,
        descriptions=[DESCRIPTIONS[scope] for scope in scopes],
        lasting=OFFLINE_ACCESS in scopes,
        destination=form_target(asked.redirect_uri),
    )
