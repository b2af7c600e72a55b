"""Writes access tokens (RFC 9068) and opaque ones: refresh tokens and those in mails."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from joserfc import jws

from libs.cache.sessions import SessionRecord
from libs.clock import Clock
from libs.ids import uuid7
from services.auth.domain.accounts import scopes_of
from services.auth.domain.families import ACCESS_TOKEN_LIFETIME
from services.auth.domain.oauth.scopes import granted_to
from services.auth.domain.proofs import Proof
from services.auth.models import Identity, RefreshFamily
from services.auth.service.keyring import Keyring

FIRST_PARTY_CLIENT: Final = "web"
"""The client id of our own JSON login and browser sessions; no registered client can have it."""

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

    async def mint(
        self,
        identity: Identity,
        family: RefreshFamily,
        scopes: Sequence[str] | None = None,
        *,
        just_shown: Proof | None = None,
    ) -> str:
        """Return an access token of five minutes for the family's session, with all it was granted or just `scopes`.

        Args:
            identity: whose session it is.
            family: the session.
            scopes: what it is for; everything that was granted if left out.
            just_shown: a proof of this moment that this token alone tells of; else it tells how the session began.

        Raises:
            SigningKeysUnavailable: there is no key to sign with yet.
        """
        granted = family.scopes if scopes is None else scopes
        since = family.auth_time if just_shown is None else self.clock.now()
        shown = just_shown or Proof(tuple(family.amr), family.acr)
        allowed = (
            scopes_of(identity.roles) if granted is None else granted_to(granted, identity.roles)
        )
        return await self._sign(
            {
                "sub": identity.id,
                "aud": family.audience or self.audience,
                "client_id": family.client_id,
                "scope": " ".join(allowed),
                "sid": family.session_id,
                "roles": identity.roles,
                "home_region": identity.home_region,
                "auth_time": _seconds(since),
                "acr": shown.acr,
                "amr": shown.amr,
                "second_factor": identity.second_factor,
            }
        )

    async def mint_for_client(
        self, session: SessionRecord, scopes: Sequence[str], audience: str
    ) -> str:
        """Return an access token of five minutes for an application that acts for itself (RFC 9068 section 2.2).

        Raises:
            SigningKeysUnavailable: there is no key to sign with yet.
        """
        return await self._sign(
            {
                "sub": session.user_id,
                "aud": audience,
                "client_id": session.client_id,
                "scope": " ".join(scopes),
                "sid": session.session_id,
                "home_region": session.home_region,
            }
        )

    async def _sign(self, claims: Mapping[str, object]) -> str:
        kid, key = await self.keyring.current()
        now = self.clock.now()
        common = {
            "iss": self.issuer,
            "iat": _seconds(now),
            "exp": _seconds(now + ACCESS_TOKEN_LIFETIME),
            "jti": str(uuid7()),
        }
        header = {"alg": "RS256", "typ": "at+jwt", "kid": kid}
        payload = json.dumps({**common, **claims}, separators=(",", ":")).encode()
        return jws.serialize_compact(header, payload, key, algorithms=["RS256"])


def new_opaque_token() -> tuple[str, bytes]:
    """Return 256 random bits as text, and the hash that is stored instead of it."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return token, hash_of(token)


def hash_of(token: str) -> bytes:
    """Return what an opaque token is found by. The token is random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
