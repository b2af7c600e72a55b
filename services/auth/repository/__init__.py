"""Every query of the auth service, a module per subject."""

from services.auth.repository.browser_logins import BrowserLogin, BrowserLoginRepository
from services.auth.repository.challenges import ChallengeRepository
from services.auth.repository.client_sessions import ClientSessionRepository, Derived
from services.auth.repository.consents import Allowed, ConsentRepository
from services.auth.repository.families import FamilyRepository, NewLogin, Presented
from services.auth.repository.identities import IdentityRepository
from services.auth.repository.mail_requests import MailRequestRepository
from services.auth.repository.oauth import (
    ClientRepository,
    CodeRepository,
    NewCode,
    PresentedCode,
)
from services.auth.repository.second_factors import SecondFactorRepository
from services.auth.repository.signing_keys import SigningKeyRepository
from services.auth.repository.unit import Unit, Units, unit_of

__all__ = [
    "Allowed",
    "BrowserLogin",
    "BrowserLoginRepository",
    "ChallengeRepository",
    "ClientRepository",
    "ClientSessionRepository",
    "CodeRepository",
    "ConsentRepository",
    "Derived",
    "FamilyRepository",
    "IdentityRepository",
    "MailRequestRepository",
    "NewCode",
    "NewLogin",
    "Presented",
    "PresentedCode",
    "SecondFactorRepository",
    "SigningKeyRepository",
    "Unit",
    "Units",
    "unit_of",
]
