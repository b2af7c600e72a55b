"""Sessions with access and refresh tokens: begun, refreshed, listed and ended."""

from collections.abc import Iterable

from fastapi import APIRouter, Response

from libs.cache.sessions import SessionStoreUnavailable
from libs.security.errors import RateLimited, SessionEnded, StepUpRequired
from libs.security.principal import Principal
from libs.web.audience import customer, public
from libs.web.conditional import NO_STORE, PRIVATE
from libs.web.errors import problem_responses
from services.auth.dependencies import (
    ClientDep,
    EndingSession,
    LoggedIn,
    LoginServiceDep,
    RecentlyProved,
    SessionServiceDep,
)
from services.auth.domain.families import ACCESS_TOKEN_LIFETIME
from services.auth.errors import (
    InvalidCredentials,
    InvalidRefreshToken,
    PasswordChecksBusy,
    SessionNotFound,
    SigningKeysUnavailable,
)
from services.auth.errors.proofs import SecondFactorRequired
from services.auth.models import RefreshFamily
from services.auth.schemas.sessions import Login, Refresh, SessionList, SessionView, Tokens
from services.auth.service.minting import IssuedTokens

router = APIRouter()


@router.post(
    "/v1/auth/login",
    openapi_extra=public(),
    responses=problem_responses(
        InvalidCredentials,
        SecondFactorRequired,
        RateLimited,
        SessionStoreUnavailable,
        PasswordChecksBusy,
        SigningKeysUnavailable,
    ),
)
async def login(
    body: Login, logins: LoginServiceDep, client: ClientDep, response: Response
) -> Tokens:
    """Start a session with e-mail address and password."""
    response.headers["Cache-Control"] = NO_STORE
    return tokens_view(
        await logins.login(body.email.strip().lower(), body.password.get_secret_value(), client)
    )


@router.post(
    "/v1/auth/refresh",
    openapi_extra=public(),
    responses=problem_responses(InvalidRefreshToken, SigningKeysUnavailable),
)
async def refresh(body: Refresh, sessions: SessionServiceDep, response: Response) -> Tokens:
    """Exchange a refresh token for the next pair; each works once, and using one twice ends the session."""
    response.headers["Cache-Control"] = NO_STORE
    return tokens_view(await sessions.refresh(body.refresh_token.get_secret_value()))


@router.post(
    "/v1/auth/logout",
    status_code=204,
    openapi_extra=customer(),
    responses=problem_responses(SessionNotFound, SessionStoreUnavailable),
)
async def logout(caller: LoggedIn, sessions: SessionServiceDep) -> None:
    """End the session the access token belongs to."""
    await sessions.end_session(caller.subject, caller.session_id or "")


@router.post(
    "/v1/auth/logout-all",
    status_code=204,
    openapi_extra=customer(),
    responses=problem_responses(StepUpRequired, SessionEnded, SessionStoreUnavailable),
)
async def logout_all(caller: RecentlyProved, sessions: SessionServiceDep) -> None:
    """End all your sessions, this one included; prove first that it is you."""
    await sessions.end_all(caller.subject)


@router.get("/v1/sessions", openapi_extra=customer())
async def list_sessions(
    caller: LoggedIn, sessions: SessionServiceDep, response: Response
) -> SessionList:
    """See where you are logged in."""
    response.headers["Cache-Control"] = PRIVATE
    return session_list(await sessions.list_sessions(caller.subject), caller)


@router.delete(
    "/v1/sessions/{session_id}",
    status_code=204,
    openapi_extra=customer(),
    responses=problem_responses(
        SessionNotFound, StepUpRequired, SessionEnded, SessionStoreUnavailable
    ),
)
async def end_session(session_id: str, caller: EndingSession, sessions: SessionServiceDep) -> None:
    """End one of your sessions; money and administration refuse it at once, the rest within five minutes.

    Prove first that it is you, unless it is the session that asks.
    """
    await sessions.end_session(caller.subject, session_id)


def session_list(families: Iterable[RefreshFamily], caller: Principal) -> SessionList:
    """Return live sessions; `current` is the one that asks."""
    return SessionList(
        items=[
            SessionView(
                session_id=family.session_id,
                created_at=family.created_at,
                last_used_at=family.last_used_at,
                expires_at=family.expires_at,
                user_agent=family.user_agent,
                current=family.session_id == caller.session_id,
            )
            for family in families
        ]
    )


def tokens_view(issued: IssuedTokens) -> Tokens:
    """Return what a client gets to begin with."""
    return Tokens(
        access_token=issued.access_token,
        token_type="Bearer",  # noqa: S106 - the scheme's name (RFC 6750)
        expires_in=int(ACCESS_TOKEN_LIFETIME.total_seconds()),
        refresh_token=issued.refresh_token,
        session_id=issued.session_id,
    )
