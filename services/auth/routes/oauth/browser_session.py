"""The session of our own storefront's pages: a cookie no script reads, and short tokens for the page to call with."""

from fastapi import APIRouter, Request, Response

from libs.cache.sessions import SessionStoreUnavailable
from libs.runtime.resources import ResourcesDep
from libs.security.errors import RateLimited
from libs.web.audience import public
from libs.web.conditional import NO_STORE
from libs.web.errors import problem_responses
from services.auth.dependencies import ClientDep, LoginServiceDep
from services.auth.dependencies.credentials import SecondStepDep
from services.auth.domain.families import ACCESS_TOKEN_LIFETIME
from services.auth.errors import (
    BrowserSessionRequired,
    CrossSiteRequest,
    InvalidCredentials,
    PasswordChecksBusy,
    SigningKeysUnavailable,
    WrongProof,
)
from services.auth.errors.proofs import InvalidMfaToken, SecondFactorRequired
from services.auth.repository import BrowserLogin
from services.auth.routes.oauth.dependencies import BrowserSessionsDep, TicketsDep
from services.auth.routes.oauth.forms import check_own_page, clear_browser, cookie_of, set_cookie
from services.auth.routes.proofs import shown_in
from services.auth.schemas.oauth import BrowserAccessToken, BrowserSession
from services.auth.schemas.proofs import LoginSecondStep
from services.auth.schemas.sessions import Login
from services.auth.service.browser_sessions import BrowserSessions
from services.auth.service.minting import IssuedTokens
from services.auth.service.oauth.tickets import Tickets

router = APIRouter()

CSRF_HEADER = "X-CSRF-Token"
_PATH = "/v1/auth/browser-session"


@router.post(
    _PATH,
    openapi_extra=public(),
    responses=problem_responses(
        InvalidCredentials,
        SecondFactorRequired,
        CrossSiteRequest,
        RateLimited,
        SessionStoreUnavailable,
        PasswordChecksBusy,
        SigningKeysUnavailable,
    ),
)
async def start_browser_session(
    body: Login,
    request: Request,
    response: Response,
    resources: ResourcesDep,
    logins: LoginServiceDep,
    client: ClientDep,
    browsers: BrowserSessionsDep,
    tickets: TicketsDep,
) -> BrowserSession:
    """Log this browser in; the session is in a cookie, and no token reaches the page."""
    check_own_page(request, resources.settings.issuer)
    email, password = body.email.strip().lower(), body.password.get_secret_value()
    issued = await logins.login(email, password, client)
    return await _begun(request, response, issued, browsers, tickets)


@router.post(
    f"{_PATH}/mfa",
    openapi_extra=public(),
    responses=problem_responses(
        InvalidMfaToken,
        WrongProof,
        CrossSiteRequest,
        RateLimited,
        SessionStoreUnavailable,
        SigningKeysUnavailable,
    ),
)
async def finish_browser_session(
    body: LoginSecondStep,
    request: Request,
    response: Response,
    resources: ResourcesDep,
    second_step: SecondStepDep,
    client: ClientDep,
    browsers: BrowserSessionsDep,
    tickets: TicketsDep,
) -> BrowserSession:
    """Finish a login of this browser that asked for a second factor."""
    check_own_page(request, resources.settings.issuer)
    token = body.mfa_token.get_secret_value()
    issued = await second_step.finish(token, shown_in(body), client)
    return await _begun(request, response, issued, browsers, tickets)


@router.get(_PATH, openapi_extra=public(), responses=problem_responses(BrowserSessionRequired))
async def get_browser_session(
    request: Request, response: Response, browsers: BrowserSessionsDep, tickets: TicketsDep
) -> BrowserSession:
    """See who is logged in in this browser, and get the CSRF token after a reload."""
    cookie = cookie_of(request)
    login = await _required(browsers, cookie)
    response.headers["Cache-Control"] = NO_STORE
    return _shown(login, tickets, cookie or "")


@router.post(
    f"{_PATH}/token",
    openapi_extra=public(),
    responses=problem_responses(BrowserSessionRequired, CrossSiteRequest, SigningKeysUnavailable),
)
async def mint_browser_token(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    browsers: BrowserSessionsDep,
    tickets: TicketsDep,
) -> BrowserAccessToken:
    """Get an access token of five minutes for the page to call with."""
    _check_writing(request, resources.settings.issuer, tickets)
    login = await _required(browsers, cookie_of(request))
    response.headers["Cache-Control"] = NO_STORE
    return BrowserAccessToken(
        access_token=await browsers.access_token(login),
        token_type="Bearer",  # noqa: S106 - the scheme's name (RFC 6750)
        expires_in=int(ACCESS_TOKEN_LIFETIME.total_seconds()),
    )


@router.delete(
    _PATH,
    status_code=204,
    openapi_extra=public(),
    responses=problem_responses(CrossSiteRequest, SessionStoreUnavailable),
)
async def end_browser_session(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    browsers: BrowserSessionsDep,
    tickets: TicketsDep,
) -> None:
    """Log this browser out; a second time changes nothing."""
    _check_writing(request, resources.settings.issuer, tickets)
    await browsers.end(cookie_of(request) or "")
    clear_browser(response)


def _check_writing(request: Request, issuer: str, tickets: Tickets) -> None:
    check_own_page(request, issuer)
    sent = request.headers.getlist(CSRF_HEADER)
    if len(sent) != 1 or not tickets.is_proof(cookie_of(request) or "", sent[0]):
        raise CrossSiteRequest


async def _begun(
    request: Request,
    response: Response,
    issued: IssuedTokens,
    browsers: BrowserSessions,
    tickets: Tickets,
) -> BrowserSession:
    cookie = await browsers.start(issued.session_id, instead_of=cookie_of(request))
    login = await _required(browsers, cookie)
    set_cookie(response, cookie, lasting=True)
    response.headers["Cache-Control"] = NO_STORE
    return _shown(login, tickets, cookie)


async def _required(browsers: BrowserSessions, cookie: str | None) -> BrowserLogin:
    login = await browsers.find(cookie)
    if login is None:
        raise BrowserSessionRequired
    return login


def _shown(login: BrowserLogin, tickets: Tickets, cookie: str) -> BrowserSession:
    return BrowserSession(
        user_id=login.identity.id,
        session_id=login.family.session_id,
        auth_time=login.family.auth_time,
        csrf_token=tickets.proof_for(cookie),
    )
