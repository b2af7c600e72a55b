"""Every way auth can refuse. Refused logins all read alike, whatever was wrong."""

from typing import ClassVar

from libs.errors import DomainError


class EmailTaken(DomainError):
    """An account with this address exists."""

    code: ClassVar[str] = "email_taken"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The e-mail address is taken"

    def __init__(self) -> None:
        super().__init__("Log in, or register with another e-mail address.")


class RegistrationClosed(DomainError):
    """No new accounts are taken for the moment."""

    code: ClassVar[str] = "registration_closed"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "New accounts are not taken at the moment"

    def __init__(self) -> None:
        super().__init__(
            "Log in if you have an account; else try again later.", headers={"Retry-After": "300"}
        )


class InvalidCredentials(DomainError):
    """No such account, a wrong password or a disabled account: the answer must not tell which."""

    code: ClassVar[str] = "invalid_credentials"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "E-mail address or password is wrong"

    def __init__(self) -> None:
        super().__init__(
            "Check both and try again.", headers={"WWW-Authenticate": 'Bearer realm="meridian"'}
        )


class InvalidRefreshToken(DomainError):
    """The refresh token is unknown, used, expired or revoked: the answer must not tell which."""

    code: ClassVar[str] = "invalid_refresh_token"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "The refresh token is not valid"

    def __init__(self) -> None:
        super().__init__("Log in again.", headers={"WWW-Authenticate": 'Bearer realm="meridian"'})


class WrongProof(DomainError):
    """What was shown to prove it is the caller does not."""

    code: ClassVar[str] = "wrong_proof"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "That did not prove that it is you"

    def __init__(self) -> None:
        super().__init__(
            "Check what you entered and try again.",
            headers={"WWW-Authenticate": 'Bearer realm="meridian"'},
        )


class MailRequestOver(DomainError):
    """The request was answered already, is too old, or never was."""

    code: ClassVar[str] = "mail_request_over"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "There is no mail to send for this request"

    def __init__(self) -> None:
        super().__init__("Send nothing: the person can ask again.")


class SessionNotFound(DomainError):
    """No such session, or somebody else's: the answer must not tell which."""

    code: ClassVar[str] = "session_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Session not found"

    def __init__(self) -> None:
        super().__init__("List your sessions to see which ones are live.")


class IdentityNotFound(DomainError):
    """Nobody has this id."""

    code: ClassVar[str] = "identity_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Identity not found"

    def __init__(self) -> None:
        super().__init__("No identity has this id.")


class PasswordChecksBusy(DomainError):
    """More passwords wait to be hashed than can be done in reasonable time."""

    code: ClassVar[str] = "password_checks_busy"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "Too many logins at the moment"

    def __init__(self) -> None:
        super().__init__("Try again in a few seconds.", headers={"Retry-After": "2"})


class SigningKeysUnavailable(DomainError):
    """The signing keys could not be read yet."""

    code: ClassVar[str] = "signing_keys_unavailable"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "Tokens cannot be issued at the moment"

    def __init__(self) -> None:
        super().__init__("Try again in a few seconds.", headers={"Retry-After": "5"})


class OAuthError(Exception):
    """A refusal in the words of OAuth 2.0 (RFC 6749 sections 4.1.2.1 and 5.2), for programs that know those alone.

    Attributes:
        error: one of the words the standards define.
        description: what to change; ASCII without quotes, never an echo of what was sent.
        status: the HTTP status where it is an answer of its own; a browser is sent back with it instead.
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class UnusableRequest(DomainError):
    """A browser came with a request that must not be answered by sending it anywhere: client or address are not ours."""

    code: ClassVar[str] = "unusable_authorization_request"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "This link cannot be used"


class FormExpired(DomainError):
    """The page's form is too old, was made for another browser, or did not come from our page."""

    code: ClassVar[str] = "form_expired"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "This form can no longer be used"

    def __init__(self) -> None:
        super().__init__("Go back to the application, and begin again.")


class BrowserSessionRequired(DomainError):
    """There is no live session behind the cookie, or none was sent."""

    code: ClassVar[str] = "browser_session_required"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "You are not logged in in this browser"

    def __init__(self) -> None:
        super().__init__(
            "Log in with POST /v1/auth/browser-session.",
            headers={"WWW-Authenticate": 'Cookie realm="meridian"'},
        )


class CrossSiteRequest(DomainError):
    """A request that carries a cookie came from a page that is not ours, or without its CSRF token."""

    code: ClassVar[str] = "cross_site_request"
    status: ClassVar[int] = 403
    title: ClassVar[str] = "The request does not come from our own page"

    def __init__(self) -> None:
        super().__init__(
            "Send it from a page of this origin, with the header X-CSRF-Token from GET /v1/auth/browser-session."
        )


class ClientNotFound(DomainError):
    """No application has this id."""

    code: ClassVar[str] = "oauth_client_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Application not found"

    def __init__(self) -> None:
        super().__init__("List the applications to see which there are.")


class ClientExists(DomainError):
    """An application with this id exists."""

    code: ClassVar[str] = "oauth_client_exists"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The application's id is taken"

    def __init__(self) -> None:
        super().__init__("Choose another id.")
