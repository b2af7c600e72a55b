"""The login page. Judging passwords is `LoginService`'s alone; here its answers become pages."""

from fastapi import APIRouter, Request, Response

from libs.errors import DomainError
from services.auth.dependencies import ClientDep, LoginServiceDep
from services.auth.domain.accounts import LONGEST_EMAIL
from services.auth.domain.oauth.parameters import Parameters
from services.auth.domain.oauth.redirects import form_target
from services.auth.domain.passwords import LONGEST_PASSWORD
from services.auth.errors import InvalidCredentials
from services.auth.routes.oauth.dependencies import Flow, FlowDep
from services.auth.routes.oauth.forms import cookie_of, read_own_form, set_cookie
from services.auth.routes.oauth.html import PAGE, PageRoute, page, see_other
from services.auth.routes.oauth.progress import Pending, go_on, pending_of
from services.auth.service.browser_sessions import new_cookie
from services.auth.service.clients import Client
from services.auth.service.logins import LoginService
from services.auth.service.minting import IssuedTokens
from services.auth.service.oauth.authorization import Asked

router = APIRouter(route_class=PageRoute)


@router.get("/login", **PAGE)
async def show_login(request: Request, flow: FlowDep) -> Response:
    """Show the login form; without a request of an application it logs in to nothing but this browser."""
    ticket = request.query_params.get("request", "")
    asked = await _asked(flow, ticket)
    login = await flow.browsers.find(cookie_of(request))
    if asked is None and login is not None:
        return see_other("/logout")
    return _form(request, flow, ticket, asked)


@router.post("/login", **PAGE)
async def submit_login(
    request: Request, flow: FlowDep, logins: LoginServiceDep, client: ClientDep
) -> Response:
    """Log this browser in and go on with the application's request."""
    form = await read_own_form(request, flow.tickets)
    ticket = form.get("request", "")
    asked = await _asked(flow, ticket)
    try:
        issued = await _judge(logins, form, client)
    except DomainError as error:
        return _form(request, flow, ticket, asked, email=form.get("email", ""), error=error)
    return await begin(request, flow, ticket, issued)


async def begin(request: Request, flow: Flow, ticket: str, issued: IssuedTokens) -> Response:
    """Make a login that succeeded this browser's and go on with what it was for."""
    cookie = await flow.browsers.start(issued.session_id, instead_of=cookie_of(request))
    login = await flow.browsers.find(cookie)
    if not ticket or login is None:
        response: Response = see_other("/logout")
    else:
        pending = Pending(pending_of(flow, ticket).query, login.family.id)
        asked = await flow.authorizations.read(pending.query)
        response = await go_on(flow, asked, pending, login)
    set_cookie(response, cookie, lasting=True)
    return response


async def _judge(logins: LoginService, form: Parameters, client: Client) -> IssuedTokens:
    email, password = form.get("email", "").strip().lower(), form.get("password", "")
    if len(email) > LONGEST_EMAIL or len(password) > LONGEST_PASSWORD:
        raise InvalidCredentials
    return await logins.login(email, password, client)


async def _asked(flow: Flow, ticket: str) -> Asked | None:
    return await flow.authorizations.read(pending_of(flow, ticket).query) if ticket else None


def _form(
    request: Request,
    flow: Flow,
    ticket: str,
    asked: Asked | None,
    *,
    email: str = "",
    error: DomainError | None = None,
) -> Response:
    cookie = cookie_of(request)
    value = cookie or new_cookie()
    response = page(
        "login.html",
        status=200 if error is None else error.status,
        form_targets=() if asked is None else (form_target(asked.redirect_uri),),
        form={"csrf": flow.tickets.proof_for(value), "request": ticket},
        client_name=None if asked is None else asked.client.name,
        email=email,
        error=error,
    )
    if error is not None:
        response.headers.update(error.headers)
    if cookie is None:
        set_cookie(response, value, lasting=False)
    return response
