"""Tables of the auth service, a module per subject; all of them are known once this is imported."""

from services.auth.models.base import Base
from services.auth.models.families import RefreshFamily, RefreshToken
from services.auth.models.identities import Identity
from services.auth.models.mail_requests import MailRequest
from services.auth.models.oauth import AuthorizationCode, Consent, OAuthClient
from services.auth.models.second_factors import (
    Challenge,
    Passkey,
    RecoveryCode,
    TotpAuthenticator,
)
from services.auth.models.signing_keys import SigningKey

__all__ = [
    "AuthorizationCode",
    "Base",
    "Challenge",
    "Consent",
    "Identity",
    "MailRequest",
    "OAuthClient",
    "Passkey",
    "RecoveryCode",
    "RefreshFamily",
    "RefreshToken",
    "SigningKey",
    "TotpAuthenticator",
]
