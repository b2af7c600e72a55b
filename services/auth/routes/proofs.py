"""Proving once more who one is."""

from fastapi import APIRouter, Response

from libs.cache.sessions import SessionStoreUnavailable
from libs.security.errors import RateLimited, SessionEnded
from libs.web.audience import customer
from libs.web.errors import problem_responses
from services.auth.dependencies import LiveSession, StepUpServiceDep
from services.auth.domain.families import ACCESS_TOKEN_LIFETIME
from services.auth.errors import PasswordChecksBusy, SigningKeysUnavailable, WrongProof
from services.auth.schemas.proofs import SteppedUp, StepUp

router = APIRouter()

NO_STORE = "no-store"


@router.post(
    "/v1/auth/step-up",
    openapi_extra=customer(),
    responses=problem_responses(
        WrongProof,
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
    return SteppedUp(
        access_token=await proofs.by_password(caller, body.password.get_secret_value()),
        token_type="Bearer",  # noqa: S106 - the scheme's name (RFC 6750)
        expires_in=int(ACCESS_TOKEN_LIFETIME.total_seconds()),
    )
