"""Tokens in mails: minted when the mail is sent, so that none lies in a queue, and kept as hashes."""

from dataclasses import dataclass
from datetime import timedelta

from services.auth.domain.mail_requests import LIFETIMES, MailPurpose
from services.auth.errors import MailRequestOver
from services.auth.repository import IdentityRepository, MailRequestRepository
from services.auth.service.minting import new_opaque_token


@dataclass(frozen=True)
class MailToken:
    """What the sender of a mail needs; never logged, never stored."""

    user_id: str
    purpose: MailPurpose
    email: str
    token: str | None
    lifetime: timedelta | None


@dataclass(frozen=True)
class MailTokenService:
    """Mints within one transaction."""

    requests: MailRequestRepository
    identities: IdentityRepository

    async def mint(self, request_id: str) -> MailToken:
        """Return where the mail goes and the token in it, which replaces one minted before for the same mail.

        Raises:
            MailRequestOver: it was answered, is too old, or there is nobody to send it to.
        """
        request = await self.requests.find_open_locked(request_id)
        if request is None or request.user_id is None:
            raise MailRequestOver
        identity = await self.identities.find(request.user_id)
        if identity is None:
            raise MailRequestOver
        purpose = MailPurpose(request.purpose)
        lifetime = LIFETIMES[purpose].token
        token = None
        if lifetime is not None:
            token, token_hash = new_opaque_token()
            await self.requests.set_token(request_id, token_hash, lifetime)
        return MailToken(identity.id, purpose, request.email or identity.email, token, lifetime)
