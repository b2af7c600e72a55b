"""Every query of the auth service, a module per subject."""

from services.auth.repository.families import FamilyRepository, NewLogin, Presented
from services.auth.repository.identities import IdentityRepository
from services.auth.repository.mail_requests import MailRequestRepository
from services.auth.repository.signing_keys import SigningKeyRepository

__all__ = [
    "FamilyRepository",
    "IdentityRepository",
    "MailRequestRepository",
    "NewLogin",
    "Presented",
    "SigningKeyRepository",
]
