"""Writes access tokens (RFC 9068) and opaque ones: refresh tokens and those in mails."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from joserfc import jws

from libs.clock import Clock
from libs.ids import uuid7
from services.auth.domain.accounts import scopes_of
from services.auth.domain.families import ACCESS_TOKEN_LIFETIME
from services.auth.models import Identity, RefreshFamily
from services.auth.service.keyring import Keyring

FIRST_PARTY_CLIENT: Final = "web"
"""The client id of our own storefront; other clients come with OAuth."""

_TOKEN_BYTES: Final = 32


@dataclass(frozen=True)
class IssuedTokens:
    """What a login or a refresh hands out; never logged, never stored."""

    access_token: str
    refresh_token: str
    session_id: str


@dataclass(frozen=True)
class AccessTokens:
    """Signs access tokens for this issuer and audience."""

    keyring: Keyring
    clock: Clock
    issuer: str
    audience: str

    async def mint(self, identity: Identity, family: RefreshFamily) -> str:
        """Return an access token of five minutes for the family's session.

        Raises:
            SigningKeysUnavailable: there is no key to sign with yet.
        """
        kid, key = await self.keyring.current()
        header = {"alg": "RS256", "typ": "at+jwt", "kid": kid}
        claims = json.dumps(self._claims(identity, family), separators=(",", ":")).encode()
        return jws.serialize_compact(header, claims, key, algorithms=["RS256"])

    def _claims(self, identity: Identity, family: RefreshFamily) -> dict[str, object]:
        now = self.clock.now()
        return {
            "iss": self.issuer,
            "sub": identity.id,
            "aud": self.audience,
            "iat": _seconds(now),
            "exp": _seconds(now + ACCESS_TOKEN_LIFETIME),
            "jti": str(uuid7()),
            "client_id": family.client_id,
            "scope": " ".join(scopes_of(identity.roles)),
            "sid": family.session_id,
            "roles": identity.roles,
            "home_region": identity.home_region,
            "auth_time": _seconds(family.auth_time),
            "acr": family.acr,
            "amr": family.amr,
            "second_factor": identity.second_factor,
        }


def new_opaque_token() -> tuple[str, bytes]:
    """Return 256 random bits as text, and the hash that is stored instead of it."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return token, hash_of(token)


def hash_of(token: str) -> bytes:
    """Return what an opaque token is found by. The token is random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
