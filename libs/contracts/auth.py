"""Events auth publishes."""

from typing import ClassVar

from libs.contracts.erasure import ErasureCompleted
from libs.contracts.message import Event


class IdentityRegistered(Event):
    """Somebody can now log in. Who needs the address asks auth for it at the moment of use."""

    type: ClassVar[str] = "identity.registered.v1"
    publisher: ClassVar[str] = "auth"
    subject_field: ClassVar[str] = "user_id"

    user_id: str
    home_region: str


class IdentityForgotten(Event):
    """An account nobody ever opened is gone: whoever keeps anything of it removes that."""

    type: ClassVar[str] = "identity.forgotten.v1"
    publisher: ClassVar[str] = "auth"
    subject_field: ClassVar[str] = "user_id"

    user_id: str


class EmailVerificationRequested(Event):
    """Whoever owns an account's address should prove it; the token is minted when the mail is sent."""

    type: ClassVar[str] = "identity.email_verification_requested.v1"
    publisher: ClassVar[str] = "auth"
    subject_field: ClassVar[str] = "user_id"

    user_id: str
    request_id: str


class PasswordResetRequested(Event):
    """Somebody who knows the address says that the password is lost."""

    type: ClassVar[str] = "identity.password_reset_requested.v1"
    publisher: ClassVar[str] = "auth"
    subject_field: ClassVar[str] = "user_id"

    user_id: str
    request_id: str


class EmailChangeRequested(Event):
    """The account shall get another address once its owner has proved it; the mail goes there."""

    type: ClassVar[str] = "identity.email_change_requested.v1"
    publisher: ClassVar[str] = "auth"
    subject_field: ClassVar[str] = "user_id"

    user_id: str
    request_id: str


class SecurityChanged(Event):
    """Something its owner should hear of happened to an account.

    `change` is a stable word: registration_attempted, password_changed, email_changed, mfa_enabled, mfa_disabled,
    totp_added, totp_removed, passkey_added, passkey_removed, recovery_codes_renewed, recovery_code_used, account_locked,
    account_unlocked, roles_changed, refresh_token_reused, early_factors_removed (what was added before the address was
    proved). With a `request_id` the notice goes to the address that request names, such as the one the account had until
    now; otherwise to the account's own.
    """

    type: ClassVar[str] = "identity.security_changed.v1"
    publisher: ClassVar[str] = "auth"
    subject_field: ClassVar[str] = "user_id"

    user_id: str
    change: str
    request_id: str | None = None


class AuthErasureCompleted(ErasureCompleted):
    """Auth has erased what it knew of a person."""

    type: ClassVar[str] = "auth.erasure_completed.v1"
    publisher: ClassVar[str] = "auth"
