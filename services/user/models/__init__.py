"""User's tables: importing this package registers all of them on `Base`."""

from services.user.models.base import Base
from services.user.models.erasures import Erasure, ErasureAnswer
from services.user.models.mails import Mail
from services.user.models.privacy import Consent, DataExport
from services.user.models.profiles import Address, Profile

__all__ = [
    "Address",
    "Base",
    "Consent",
    "DataExport",
    "Erasure",
    "ErasureAnswer",
    "Mail",
    "Profile",
]
