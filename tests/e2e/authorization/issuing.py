"""Access tokens that say what we want, which the running services take for auth's own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import asyncpg
import httpx
from joserfc import jws
from joserfc.jwk import RSAKey

from libs.clock import SystemClock
from libs.testing.waiting import eventually
from libs.topology import schema_of
from services.auth.domain.families import ACCESS_TOKEN_LIFETIME
from tests.e2e.stack import Stack

KID: Final = "the-tests-own"
_SECONDS_UNTIL_PUBLISHED: Final = 90


@dataclass(frozen=True)
class Issuer:
    """A key that auth publishes as one another region signs with."""

    key: RSAKey

    @classmethod
    async def known_to(cls, stack: Stack, http: httpx.AsyncClient) -> Self:
        """Have auth publish a new key, and wait until it does."""
        key = RSAKey.generate_key(2048)
        public = {**key.as_dict(private=False), "kid": KID, "use": "sig", "alg": "RS256"}
        connection = await asyncpg.connect(stack.database)
        try:
            await connection.execute(
                f"""INSERT INTO {schema_of("auth")}.signing_keys
                   (kid, region, status, public_jwk, private_key_encrypted)
                   VALUES ($1, 'nowhere-1', 'previous', $2, '')
                   ON CONFLICT (kid) DO UPDATE SET public_jwk = excluded.public_jwk""",  # noqa: S608 - our own name
                KID,
                json.dumps(public),
            )
        finally:
            await connection.close()

        async def is_published() -> bool:
            published = (await http.get("/.well-known/jwks.json")).json()["keys"]
            return any((entry["kid"], entry["n"]) == (KID, public["n"]) for entry in published)

        await eventually(is_published, timeout=_SECONDS_UNTIL_PUBLISHED)
        return cls(key)

    def token_like(self, claims: Mapping[str, Any], *, typ: str = "at+jwt", **other: Any) -> str:
        """Sign claims of somebody who logged in just now; a claim given here replaces theirs."""
        now = int(SystemClock().now().timestamp())
        times = {
            "auth_time": now,
            "iat": now,
            "exp": now + int(ACCESS_TOKEN_LIFETIME.total_seconds()),
        }
        header = {"alg": "RS256", "typ": typ, "kid": KID}
        said = json.dumps({**claims, **times, **other}).encode()
        return jws.serialize_compact(header, said, self.key, algorithms=["RS256"])


def claims_of(token: str) -> Mapping[str, Any]:
    """Return what a token says, without asking whether it is true."""
    claims: dict[str, Any] = json.loads(jws.extract_compact(token.encode()).payload)
    return claims
