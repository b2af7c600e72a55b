"""How auth refuses what people prove who they are with, or would like to."""

from collections.abc import Sequence
from typing import ClassVar

from libs.errors import DomainError


class SecondFactorRequired(DomainError):
    """The password was right; the account asks for a second factor as well."""

    code: ClassVar[str] = "mfa_required"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "A second factor is required"

    def __init__(self, mfa_token: str, methods: Sequence[str]) -> None:
        super().__init__(
            "Send POST /v1/auth/login/mfa with mfa_token and one of the methods, within five minutes.",
            extensions={"mfa_token": mfa_token, "methods": list(methods)},
            headers={"WWW-Authenticate": 'Bearer realm="meridian"'},
        )
        self.mfa_token = mfa_token
        self.methods = methods


class InvalidMfaToken(DomainError):
    """The token of a login's second step is unknown, used, too old, or had too many wrong answers."""

    code: ClassVar[str] = "invalid_mfa_token"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "This login cannot be finished"

    def __init__(self) -> None:
        super().__init__(
            "Log in with your password again.",
            headers={"WWW-Authenticate": 'Bearer realm="meridian"'},
        )


class InvalidMailToken(DomainError):
    """The token from a mail is unknown, used or too old: the answer must not tell which."""

    code: ClassVar[str] = "invalid_mail_token"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The link does not work any more"

    def __init__(self) -> None:
        super().__init__("Ask for another mail and use the link in the newest one.")


class PasswordRequired(DomainError):
    """A mail alone opens no account: whoever registered the address also knows the password."""

    code: ClassVar[str] = "password_required"
    status: ClassVar[int] = 401
    title: ClassVar[str] = "The password is needed as well"

    def __init__(self) -> None:
        super().__init__(
            "Send the password you registered with along with the token; if it is not known, have it reset.",
            headers={"WWW-Authenticate": 'Bearer realm="meridian"'},
        )


class PasswordUnfit(DomainError):
    """The password is one of those that attackers try first."""

    code: ClassVar[str] = "password_unfit"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The password is too easily guessed"

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(
            f"{why} Take several words that do not belong together, or let a password manager choose.",
            extensions={"reason": reason},
        )


class TotpAlreadyEnrolled(DomainError):
    """The account has an authenticator app."""

    code: ClassVar[str] = "totp_already_enrolled"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "An authenticator app is set up already"

    def __init__(self) -> None:
        super().__init__("Take it off first: DELETE /v1/auth/totp.")


class TotpNotFound(DomainError):
    """The account has no authenticator app."""

    code: ClassVar[str] = "totp_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "No authenticator app is set up"

    def __init__(self) -> None:
        super().__init__("Set one up with POST /v1/auth/totp.")


class NoSecondFactor(DomainError):
    """The account has neither an app nor a passkey that recovery codes could stand in for."""

    code: ClassVar[str] = "no_second_factor"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "There is no second factor to recover"

    def __init__(self) -> None:
        super().__init__("Set up an authenticator app or a passkey first.")


class PasskeyNotAccepted(DomainError):
    """The device's answer does not fit the challenge, the page or the shop, or came too late."""

    code: ClassVar[str] = "passkey_not_accepted"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "The passkey could not be accepted"

    def __init__(self) -> None:
        super().__init__("Get new options and try again within five minutes.")


class PasskeyKnown(DomainError):
    """This passkey is registered already."""

    code: ClassVar[str] = "passkey_known"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "The passkey is registered already"

    def __init__(self) -> None:
        super().__init__("Use another device, or the passkey as it is.")


class PasskeyNotFound(DomainError):
    """No such passkey, or somebody else's: the answer must not tell which."""

    code: ClassVar[str] = "passkey_not_found"
    status: ClassVar[int] = 404
    title: ClassVar[str] = "Passkey not found"

    def __init__(self) -> None:
        super().__init__("List your passkeys to see which ones you have.")


class OwnAccount(DomainError):
    """Administrators cannot lock themselves out or take their own roles."""

    code: ClassVar[str] = "own_account"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "This is your own account"

    def __init__(self) -> None:
        super().__init__("Ask another administrator.")
