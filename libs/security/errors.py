"""Refusals. What exactly was wrong with a token is logged, never told: it would only help a forger."""

from typing import ClassVar

from libs.errors import DomainError
from libs.security.principal import ACR_MFA

_SHOW_FACTOR = "Show your second factor: log in again, or send POST /v1/auth/step-up and repeat this with the token it answers with."
_ENROL_FACTOR = (
    "Your account has no second factor yet. Add a passkey (POST /v1/auth/passkeys/options) or an authenticator app "
    "(POST /v1/auth/totp), then log in with it; until then you can do what customers can."
)


class AuthenticationRequired(DomainError):
    """The operation needs a caller and nobody introduced themselves."""

    code: ClassVar[str] = "authentication_required"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "Authentication is required"

    def __init__(
        self, detail: str = "Send an access token: Authorization: Bearer <token>."
    ) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class InvalidToken(DomainError):
    """The token is not one of ours, not for us, or not valid any more."""

    code: ClassVar[str] = "invalid_token"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "The token is not valid"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "The token is malformed, expired, or was issued for another audience. Get a new one.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
        self.reason = reason


class SessionEnded(DomainError):
    """The token may still be in time, but its session is over: logged out, revoked or idle for too long."""

    code: ClassVar[str] = "session_ended"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "The session has ended"

    def __init__(self) -> None:
        super().__init__(
            "Refresh the session or log in again.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )


class StepUpRequired(DomainError):
    """The caller is known and may do this, but has to prove once more, or better, who they are (RFC 9470)."""

    code: ClassVar[str] = "insufficient_user_authentication"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "Confirm that it is you"

    def __init__(self, max_age_seconds: int, acr: str) -> None:
        super().__init__(
            "Send POST /v1/auth/step-up with your password or, if you have one, your second factor; then repeat this "
            "with the token it answers with.",
            extensions={"acr_values": acr, "max_age": max_age_seconds},
            headers={
                "WWW-Authenticate": 'Bearer error="insufficient_user_authentication", '
                'error_description="A more recent or stronger authentication is required", '
                f'acr_values="{acr}", max_age="{max_age_seconds}"'
            },
        )


class StaffSecondFactorRequired(DomainError):
    """The caller is staff and logged in without a second factor: enough for what customers do (RFC 9470)."""

    code: ClassVar[str] = "staff_second_factor_required"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "Staff prove who they are with a second factor"
    challenge: ClassVar[str] = (
        'Bearer error="insufficient_user_authentication", '
        f'error_description="Staff need a second factor", acr_values="{ACR_MFA}"'
    )

    def __init__(self, *, enrolled: bool) -> None:
        super().__init__(
            _SHOW_FACTOR if enrolled else _ENROL_FACTOR,
            extensions={"acr_values": ACR_MFA},
            headers={"WWW-Authenticate": self.challenge},
        )


class InsufficientScope(DomainError):
    """The caller is known and may not do this."""

    code: ClassVar[str] = "insufficient_scope"
    status: ClassVar[int] = 403
    title: ClassVar[str] = "The token does not allow this operation"

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"This operation needs the scope {scope}.",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
        )


class ServiceTokenRequired(DomainError):
    """An internal operation was called without, or with a bad, service token."""

    code: ClassVar[str] = "service_token_required"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "A service token is required"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "Internal operations take a service token: Service-Authorization: Bearer <token>.",
            headers={"WWW-Authenticate": "Bearer"},
        )
        self.reason = reason


class CallerNotAllowed(DomainError):
    """The calling service is known, but the allow-matrix has no row for this operation."""

    code: ClassVar[str] = "caller_not_allowed"
    status: ClassVar[int] = 403
    title: ClassVar[str] = "This service may not call this operation"

    def __init__(self, caller: str, operation: str) -> None:
        super().__init__(f"{caller} may not call {operation}.")


class KeysUnavailable(DomainError):
    """Auth did not give its keys, and those at hand do not suffice: no token can be judged yet, or not this one."""

    code: ClassVar[str] = "verification_keys_unavailable"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "Tokens cannot be verified at the moment"

    def __init__(self) -> None:
        super().__init__("Try again in a few seconds.", headers={"Retry-After": "5"})


class RateLimited(DomainError):
    """The caller's allowance for now is spent."""

    code: ClassVar[str] = "rate_limited"
    status: ClassVar[int] = 429
    title: ClassVar[str] = "Too many requests"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            f"Try again in {retry_after_seconds} seconds.",
            headers={"Retry-After": str(retry_after_seconds)},
        )
