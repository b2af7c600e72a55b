"""What auth knows of one person, and what a copy of it leaves out."""

from typing import Final

from libs.erasure.export import Export
from services.auth.models import Base

EXPORT: Final = Export(
    Base,
    people="identities",
    withheld={
        "identities.password_hash": "a secret, which a copy must not carry around",
        "totp_authenticators.secret": "a secret: whoever has the copy could show the second factor",
        "challenges": "live for minutes, as long as a login does",
        "authorization_codes": "lives for a minute, and says nothing that its login does not",
    },
)
