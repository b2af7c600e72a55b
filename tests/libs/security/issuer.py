"""An issuer that can also lie: it signs any header and any claims."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from joserfc import jws
from joserfc.jwk import RSAKey

from libs.ids import uuid7

ISSUER = "https://auth.meridian.test"
AUDIENCE = "meridian"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@cache
def signing_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "key-1"})


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


class OneKey:
    async def key_for(self, kid: str) -> RSAKey | None:
        return RSAKey.import_key(signing_key().as_dict(private=False)) if kid == "key-1" else None


class Issuer:
    """Writes correct access tokens, and wrong ones on request."""

    header: Mapping[str, object] = {"alg": "RS256", "typ": "at+jwt", "kid": "key-1"}

    def claims(self, **overrides: object) -> dict[str, object]:
        issued = int(NOW.timestamp())
        claims: dict[str, object] = {
            "iss": ISSUER,
            "sub": "usr_1",
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + int(timedelta(minutes=5).total_seconds()),
            "jti": str(uuid7()),
            "client_id": "storefront",
            "scope": "orders:read orders:write",
            "sid": "ses_1",
            "roles": ["customer"],
            "home_region": "us-east-1",
            "auth_time": issued,
        }
        return {name: value for name, value in {**claims, **overrides}.items() if value is not None}

    def token(self, header: Mapping[str, object] | None = None, /, **overrides: object) -> str:
        return self.sign(part({**self.header, **(header or {})}), part(self.claims(**overrides)))

    def sign(self, header: str, payload: str) -> str:
        """Sign two raw parts with the real key, whatever they say."""
        message = f"{header}.{payload}"
        return f"{message}.{part(rs256(message.encode()))}"


def rs256(message: bytes) -> bytes:
    algorithm = jws.JWSRegistry.algorithms["RS256"]
    return algorithm.sign(message, signing_key())
