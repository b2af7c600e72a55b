"""What a route demands of its caller, as FastAPI dependencies; each also sets `request.state.principal`."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Final, Protocol

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from libs.cache.rate_limit import RateLimiter
from libs.cache.sessions import SessionStore, SessionStoreUnavailable
from libs.security.allow import find_call
from libs.security.errors import (
    AuthenticationRequired,
    CallerNotAllowed,
    InsufficientScope,
    InvalidToken,
    ServiceTokenRequired,
    SessionEnded,
    StaffSecondFactorRequired,
    StepUpRequired,
)
from libs.security.principal import ACR_MFA, ACR_PASSWORD, Principal
from libs.security.service_tokens import ServiceVerifier
from libs.security.tokens import TokenVerifier

SERVICE_HEADER: Final = "Service-Authorization"
STAFF_ROLE: Final = "admin"
RECENTLY: Final = timedelta(minutes=5)
"""How long ago the caller may have proved who they are, where that is asked for."""
STEP_UP_PROBLEMS: Final = (StepUpRequired, SessionEnded, SessionStoreUnavailable)
"""What `recently_authenticated` answers to callers it knows; for the documentation of a route."""

# These two only describe themselves in OpenAPI; the headers are read below, where several or odd ones are refused.
_UserScheme = Annotated[
    object,
    Depends(HTTPBearer(scheme_name="userToken", bearerFormat="at+jwt", auto_error=False)),
]
_ServiceScheme = Annotated[
    object,
    Depends(APIKeyHeader(name=SERVICE_HEADER, scheme_name="serviceToken", auto_error=False)),
]


class SecurityParts(Protocol):
    """What is needed of the process's resources here."""

    @property
    def verifier(self) -> TokenVerifier: ...
    @property
    def service_verifier(self) -> ServiceVerifier: ...
    @property
    def sessions(self) -> SessionStore: ...
    @property
    def rate_limiter(self) -> RateLimiter: ...


def authenticated(scope: str) -> Callable[..., Awaitable[Principal]]:
    """Demand a valid access token with this scope, and of staff, who see everybody's data, a live session too.

    A scope of staff counts for nothing without a second factor. A service calling for the user also sends its own
    token; then the allow-matrix must list the call. The dependency raises AuthenticationRequired, InvalidToken,
    InsufficientScope, StaffSecondFactorRequired, a service token's refusals, and for staff what `authenticated_live` raises.
    """

    async def verified(request: Request, _scheme: _UserScheme) -> Principal:
        principal = await _verified(request, scope)
        return await _live(request, principal) if _is_staff(principal) else principal

    return verified


def authenticated_live(scope: str) -> Callable[..., Awaitable[Principal]]:
    """Demand what `authenticated` does and that the token's session still lives.

    For money and administration: the dependency raises SessionEnded when the session is over, and
    SessionStoreUnavailable (503) when that cannot be known.
    """

    async def verified_live(request: Request, _scheme: _UserScheme) -> Principal:
        return await _live(request, await _verified(request, scope))

    return verified_live


def recently_authenticated(
    scope: str, acr: str | None = None
) -> Callable[..., Awaitable[Principal]]:
    """Demand what `authenticated_live` does and that the caller proved who they are within five minutes (RFC 9470).

    Whoever has a second factor must have shown it; `acr` demands a strength of everybody, with or without one.
    The dependency raises StepUpRequired, which says how to go on.
    """

    async def authenticated_recently(request: Request, _scheme: _UserScheme) -> Principal:
        principal = await _live(request, await _verified(request, scope))
        wanted = acr or (ACR_MFA if principal.has_second_factor else ACR_PASSWORD)
        since = principal.auth_time
        stale = since is None or _parts(request).verifier.clock.now() - since > RECENTLY
        if stale or (wanted == ACR_MFA and principal.acr != ACR_MFA):
            raise StepUpRequired(int(RECENTLY.total_seconds()), wanted)
        return principal

    return authenticated_recently


async def optional_principal(request: Request, _scheme: _UserScheme) -> Principal | None:
    """Return the caller if a token was sent, None for a guest; a bad token is still refused."""
    token = _bearer(request, "Authorization")
    if token is None:
        request.state.principal = None
        return None
    principal = await _user(request, token)
    return await _live(request, principal) if _is_staff(principal) else principal


def service_caller() -> Callable[..., Awaitable[str]]:
    """Demand a service token and a row of the allow-matrix for this operation; returns the caller's name.

    A row that says so also demands the user's token. The dependency raises ServiceTokenRequired or CallerNotAllowed.
    """

    async def allowed(request: Request, _scheme: _ServiceScheme) -> str:
        token = _service_token(request)
        if token is None:
            raise ServiceTokenRequired
        caller, for_user = _allowed_caller(request, token)
        if for_user:
            await _user(request, _required(request))
        return caller

    return allowed


async def _live(request: Request, principal: Principal) -> Principal:
    session_id = principal.session_id
    record = None if session_id is None else await _parts(request).sessions.get(session_id)
    if record is None or record.user_id != principal.subject:
        raise SessionEnded
    return principal


def _is_staff(principal: Principal) -> bool:
    return STAFF_ROLE in principal.roles


async def _verified(request: Request, scope: str) -> Principal:
    principal = await _user(request, _required(request))
    service_token = _service_token(request)
    if service_token is not None:
        _allowed_caller(request, service_token)
    if scope not in principal.scopes:
        raise InsufficientScope(scope)
    if not principal.has(scope):
        raise StaffSecondFactorRequired(enrolled=principal.has_second_factor)
    return principal


async def _user(request: Request, token: str) -> Principal:
    """Verify, unless the rate limiter in front already did."""
    known: Principal | None = getattr(request.state, "verified", None)
    if known is None or known.token != token:
        known = await _parts(request).verifier.verify(token)
    request.state.principal = known
    return known


def _required(request: Request) -> str:
    token = _bearer(request, "Authorization")
    if token is None:
        raise AuthenticationRequired
    return token


def _allowed_caller(request: Request, token: str) -> tuple[str, bool]:
    verifier = _parts(request).service_verifier
    caller = verifier.verify(token)
    operation: str = request.scope["route"].name
    row = find_call(caller, verifier.me, operation)
    if row is None:
        raise CallerNotAllowed(caller, operation)
    request.state.caller = caller
    return caller, row.user_token


def _service_token(request: Request) -> str | None:
    """Return the caller's token; an empty header claims nothing, for some gateways can blank one and not remove it."""
    blank = not any(request.headers.getlist(SERVICE_HEADER))
    return None if blank else _bearer(request, SERVICE_HEADER)


def _bearer(request: Request, header: str) -> str | None:
    """Return the token of a bearer header (RFC 6750), None without the header."""
    values = request.headers.getlist(header)
    if not values:
        return None
    scheme, _, token = values[0].partition(" ")
    token = token.strip()
    if len(values) > 1 or scheme.lower() != "bearer" or not token or " " in token:
        raise InvalidToken("header")
    return token


def _parts(request: Request) -> SecurityParts:
    parts: SecurityParts = request.app.state.resources
    return parts
