"""ID tokens (OpenID Connect Core 1.0 section 2), and reading back tokens we signed."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from joserfc import jws

from libs.clock import Clock
from libs.security.compact import BadToken, check_times, read_claims, read_header
from libs.security.errors import KeysUnavailable
from libs.security.tokens import ACCESS_TOKEN_TYPE, ALGORITHM, KeySource
from services.auth.models import RefreshFamily
from services.auth.service.keyring import Keyring

ID_TOKEN_TYPE: Final = "jwt"  # noqa: S105 - a media type
LIFETIME: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class IdTokens:
    """Signs ID tokens."""

    keyring: Keyring
    clock: Clock
    issuer: str

    async def mint(self, family: RefreshFamily, access_token: str, nonce: str | None) -> str:
        """Return an ID token about the person behind a client's session, for that client alone.

        Raises:
            SigningKeysUnavailable: there is no key to sign with yet.
        """
        kid, key = await self.keyring.current()
        now = self.clock.now()
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": family.user_id,
            "aud": family.client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
            "auth_time": int(family.auth_time.timestamp()),
            "sid": family.session_id,
            "acr": family.acr,
            "amr": family.amr,
            "at_hash": half_hash(access_token),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        header = {"alg": ALGORITHM, "typ": ID_TOKEN_TYPE.upper(), "kid": kid}
        payload = json.dumps(claims, separators=(",", ":")).encode()
        return jws.serialize_compact(header, payload, key, algorithms=[ALGORITHM])


@dataclass(frozen=True)
class OwnTokens:
    """Reads tokens this issuer signed, whoever they are for."""

    keys: KeySource
    issuer: str
    clock: Clock

    async def access_token(self, token: str) -> Mapping[str, object] | None:
        """Return the claims of an access token of ours that has not expired, or None."""
        try:
            claims = await self._read(token, ACCESS_TOKEN_TYPE)
            check_times(claims, self.clock.now())
        except BadToken:
            return None
        return claims

    async def id_token(self, token: str) -> Mapping[str, object] | None:
        """Return the claims of an ID token of ours, which as a hint may have expired, or None."""
        try:
            return await self._read(token, ID_TOKEN_TYPE)
        except (BadToken, KeysUnavailable):
            return None

    async def _read(self, token: str, kind: str) -> Mapping[str, object]:
        header = read_header(token)
        key = await self.keys.key_for(header.kid)
        if header.alg != ALGORITHM or header.typ != kind or key is None:
            raise BadToken("not of this kind, or not ours")
        claims = read_claims(token, key, ALGORITHM)
        if claims.get("iss") != self.issuer:
            raise BadToken("iss")
        return claims


def half_hash(access_token: str) -> str:
    """Return `at_hash`: the left half of the SHA-256 of the token (OpenID Connect Core 1.0 section 3.1.3.6)."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
