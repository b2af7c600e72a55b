"""Proving who one is beyond the password: at login, and once more before what cannot be undone."""

from fastapi import APIRouter, Response

from libs.cache.sessions import SessionStoreUnavailable
from libs.security.errors import RateLimited, SessionEnded, StepUpRequired
from libs.web.audience import customer, public
from libs.web.conditional import NO_STORE
from libs.web.errors import problem_responses
from services.auth.dependencies import ClientDep, LiveSession
from services.auth.dependencies.credentials import SecondStepDep, StepUpServiceDep
from services.auth.domain.families import ACCESS_TOKEN_LIFETIME
from services.auth.errors import PasswordChecksBusy, SigningKeysUnavailable, WrongProof
from services.auth.errors.proofs import InvalidMfaToken
from services.auth.routes.sessions import tokens_view
from services.auth.schemas.proofs import (
    LoginSecondStep,
    PasskeyLogin,
    PasskeyLoginOptions,
    PasskeyOptions,
    SteppedUp,
    StepUp,
)
from services.auth.schemas.sessions import Tokens
from services.auth.service.factor_judge import Shown

router = APIRouter()

_LOGIN_PROBLEMS = (WrongProof, RateLimited, SessionStoreUnavailable, SigningKeysUnavailable)


@router.post(
    "/v1/auth/login/mfa",
    openapi_extra=public(),
    responses=problem_responses(InvalidMfaToken, *_LOGIN_PROBLEMS),
)
async def finish_login(
    body: LoginSecondStep, second_step: SecondStepDep, client: ClientDep, response: Response
) -> Tokens:
    """Finish a login that asked for a second factor."""
    response.headers["Cache-Control"] = NO_STORE
    token = body.mfa_token.get_secret_value()
    return tokens_view(await second_step.finish(token, shown_in(body), client))


@router.post(
    "/v1/auth/login/passkey/options",
    openapi_extra=public(),
    responses=problem_responses(InvalidMfaToken, RateLimited),
)
async def get_passkey_login_options(
    body: PasskeyLoginOptions, second_step: SecondStepDep, client: ClientDep, response: Response
) -> PasskeyOptions:
    """Get what a browser needs to log in with a passkey, alone or after the password."""
    response.headers["Cache-Control"] = NO_STORE
    token = None if body.mfa_token is None else body.mfa_token.get_secret_value()
    return PasskeyOptions(public_key=await second_step.passkey_options(token, client))


@router.post(
    "/v1/auth/login/passkey",
    openapi_extra=public(),
    responses=problem_responses(*_LOGIN_PROBLEMS),
)
async def log_in_with_passkey(
    body: PasskeyLogin, second_step: SecondStepDep, client: ClientDep, response: Response
) -> Tokens:
    """Start a session with a passkey and no password."""
    response.headers["Cache-Control"] = NO_STORE
    return tokens_view(await second_step.log_in_with_passkey(body.credential.as_json(), client))


@router.post(
    "/v1/auth/step-up",
    openapi_extra=customer(),
    responses=problem_responses(
        WrongProof,
        StepUpRequired,
        SessionEnded,
        RateLimited,
        SessionStoreUnavailable,
        PasswordChecksBusy,
        SigningKeysUnavailable,
    ),
)
async def step_up(
    body: StepUp, caller: LiveSession, proofs: StepUpServiceDep, response: Response
) -> SteppedUp:
    """Prove again that it is you, to do what asks for it."""
    response.headers["Cache-Control"] = NO_STORE
    if body.password is not None:
        token = await proofs.by_password(caller, body.password.get_secret_value())
    else:
        token = await proofs.by_second_factor(caller, shown_in(body))
    return SteppedUp(
        access_token=token,
        token_type="Bearer",  # noqa: S106 - the scheme's name (RFC 6750)
        expires_in=int(ACCESS_TOKEN_LIFETIME.total_seconds()),
    )


@router.post(
    "/v1/auth/step-up/passkey-options",
    openapi_extra=customer(),
    responses=problem_responses(SessionEnded, SessionStoreUnavailable),
)
async def get_passkey_step_up_options(
    caller: LiveSession, second_step: SecondStepDep, response: Response
) -> PasskeyOptions:
    """Get what a browser needs to step up with one of your passkeys."""
    response.headers["Cache-Control"] = NO_STORE
    return PasskeyOptions(public_key=await second_step.options_for(caller.subject))


def shown_in(body: LoginSecondStep | StepUp) -> Shown:
    """Return what a body shows, as those who judge it take it."""
    passkey = None if body.passkey is None else body.passkey.as_json()
    return Shown(code=body.totp, recovery_code=body.recovery_code, passkey=passkey)
