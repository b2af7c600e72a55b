"""The pages of a login. Judging what people show is the services' alone; here their answers become pages."""

from fastapi import APIRouter, Request, Response

from libs.errors import DomainError
from services.auth.dependencies import ClientDep, LoginServiceDep
from services.auth.dependencies.credentials import SecondStepDep
from services.auth.domain.accounts import LONGEST_EMAIL
from services.auth.domain.oauth.parameters import Parameters
from services.auth.domain.passwords import LONGEST_PASSWORD
from services.auth.errors import InvalidCredentials, WrongProof
from services.auth.errors.proofs import InvalidMfaToken, SecondFactorRequired
from services.auth.routes.oauth.dependencies import FlowDep
from services.auth.routes.oauth.forms import cookie_of, read_own_form
from services.auth.routes.oauth.html import PAGE, PageRoute, see_other
from services.auth.routes.oauth.login_pages import (
    begin,
    login_form,
    request_behind,
    second_factor_form,
)
from services.auth.service.clients import Client
from services.auth.service.factor_judge import Shown
from services.auth.service.logins import LoginService
from services.auth.service.minting import IssuedTokens

router = APIRouter(route_class=PageRoute)

_LONGEST_ANSWER = 64


@router.get("/login", **PAGE)
async def show_login(request: Request, flow: FlowDep) -> Response:
    """Show the login form; without a request of an application it logs in to nothing but this browser."""
    ticket = request.query_params.get("request", "")
    asked = await request_behind(flow, ticket)
    login = await flow.browsers.find(cookie_of(request))
    if asked is None and login is not None:
        return see_other("/logout")
    return login_form(request, flow, ticket, asked)


@router.post("/login", **PAGE)
async def submit_login(
    request: Request, flow: FlowDep, logins: LoginServiceDep, client: ClientDep
) -> Response:
    """Log this browser in and go on with the application's request."""
    form = await read_own_form(request, flow.tickets)
    ticket, email = form.get("request", ""), form.get("email", "")
    asked = await request_behind(flow, ticket)
    try:
        issued = await _judge(logins, form, client)
    except SecondFactorRequired as next_step:
        return second_factor_form(request, flow, ticket, asked, mfa_token=next_step.mfa_token)
    except DomainError as error:
        return login_form(request, flow, ticket, asked, email=email, error=error)
    return await begin(request, flow, ticket, issued)


@router.post("/login/second-factor", **PAGE)
async def submit_second_factor(
    request: Request, flow: FlowDep, second_step: SecondStepDep, client: ClientDep
) -> Response:
    """Finish a login with a code or a recovery code. A passkey would need a script, which our pages have not."""
    form = await read_own_form(request, flow.tickets)
    ticket, mfa_token = form.get("request", ""), form.get("mfa_token", "")
    asked = await request_behind(flow, ticket)
    try:
        issued = await second_step.finish(mfa_token, _shown(form), client)
    except InvalidMfaToken as error:
        return login_form(request, flow, ticket, asked, error=error)
    except DomainError as error:
        return second_factor_form(request, flow, ticket, asked, mfa_token=mfa_token, error=error)
    return await begin(request, flow, ticket, issued)


async def _judge(logins: LoginService, form: Parameters, client: Client) -> IssuedTokens:
    email, password = form.get("email", "").strip().lower(), form.get("password", "")
    if len(email) > LONGEST_EMAIL or len(password) > LONGEST_PASSWORD:
        raise InvalidCredentials
    return await logins.login(email, password, client)


def _shown(form: Parameters) -> Shown:
    code, recovery_code = form.get("code", "").strip(), form.get("recovery_code", "").strip()
    if not (code or recovery_code) or len(code) + len(recovery_code) > _LONGEST_ANSWER:
        raise WrongProof
    return Shown(code=code) if code else Shown(recovery_code=recovery_code)
