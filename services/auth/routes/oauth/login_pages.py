"""What the pages of a login share: their forms, and what follows when it succeeded."""

from fastapi import Request, Response

from libs.errors import DomainError
from services.auth.domain.oauth.redirects import form_target
from services.auth.routes.oauth.dependencies import Flow
from services.auth.routes.oauth.forms import cookie_of, set_cookie
from services.auth.routes.oauth.html import page, see_other
from services.auth.routes.oauth.progress import Pending, go_on, pending_of
from services.auth.service.browser_sessions import new_cookie
from services.auth.service.minting import IssuedTokens
from services.auth.service.oauth.authorization import Asked


async def request_behind(flow: Flow, ticket: str) -> Asked | None:
    """Return the application's request a login is for, if it is for one.

    Raises:
        FormExpired: we issued no such ticket, or too long ago.
    """
    return await flow.authorizations.read(pending_of(flow, ticket).query) if ticket else None


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


def login_form(
    request: Request,
    flow: Flow,
    ticket: str,
    asked: Asked | None,
    *,
    email: str = "",
    error: DomainError | None = None,
) -> Response:
    """Ask for e-mail address and password, again if something was wrong with them."""
    return _form(request, flow, ticket, asked, error, template="login.html", email=email)


def second_factor_form(
    request: Request,
    flow: Flow,
    ticket: str,
    asked: Asked | None,
    *,
    mfa_token: str,
    error: DomainError | None = None,
) -> Response:
    """Ask for the second factor, again if it was wrong."""
    name = "second_factor.html"
    return _form(request, flow, ticket, asked, error, template=name, mfa_token=mfa_token)


def _form(
    request: Request,
    flow: Flow,
    ticket: str,
    asked: Asked | None,
    error: DomainError | None,
    *,
    template: str,
    **values: str,
) -> Response:
    cookie = cookie_of(request)
    known = cookie or new_cookie()
    response = page(
        template,
        status=200 if error is None else error.status,
        form_targets=() if asked is None else (form_target(asked.redirect_uri),),
        form={"csrf": flow.tickets.proof_for(known), "request": ticket},
        client_name=None if asked is None else asked.client.name,
        error=error,
        **values,
    )
    if error is not None:
        response.headers.update(error.headers)
    if cookie is None:
        set_cookie(response, known, lasting=False)
    return response
