"""Verifies user access tokens (RFC 9068) with keys from auth's JWKS; each service does it for itself."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from libs.clock import Clock, SystemClock
from libs.observability.logging import get_logger
from libs.security.compact import BadToken, check_times, integer, read_claims, read_header, text
from libs.security.errors import InvalidToken, KeysUnavailable
from libs.security.principal import Principal

ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - a media type
ALGORITHM: Final = "RS256"

FRESH_SECONDS: Final = 30.0
"""How long a fetched key set is used without asking again; bounds how long a withdrawn key is trusted while auth answers.

An older one does not tell that a key id is unknown: auth may have changed keys since.
"""
RENEWED_AFTER_SECONDS: Final = FRESH_SECONDS / 2
"""When the set is fetched anew in the background, so that whoever is busy never waits for it."""
STALE_SECONDS: Final = 4 * 3600.0
"""How long the last good key set is used while auth does not answer."""
LEAST_SECONDS_BETWEEN_FETCHES: Final = 10.0
SECONDS_BETWEEN_FIRST_FETCHES: Final = 0.5
FETCH_SECONDS: Final = 2.0
"""How long a whole fetch may take, however it is spread: API Gateway's authorizer, ended after three, waits for it."""

_LARGEST_DOCUMENT: Final = 65_536
_SMALLEST_MODULUS_BITS: Final = 2_048
_SHORTEST_MODULUS: Final = 342  # characters of base64url that 2,048 bits take

_log = get_logger(__name__)


class KeySource(Protocol):
    """Finds the public key a token names."""

    async def key_for(self, kid: str) -> RSAKey | None: ...


class JwksCache:
    """Auth's key set, fetched once for everybody who needs it and kept while auth is away.

    An unknown key id asks auth again, but at most every ten seconds: forged ids cannot make us a flood. Who comes with a
    set that is no longer fresh waits for the next one, once: while auth is away nobody waits for it again.
    """

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        fetch_seconds: float = FETCH_SECONDS,
    ) -> None:
        self._url = url
        self._http = http
        self._fetch_seconds = fetch_seconds
        self._monotonic = monotonic
        self._keys: Mapping[str, RSAKey] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._failed = False
        self._fetch: asyncio.Task[None] | None = None

    async def key_for(self, kid: str) -> RSAKey | None:
        """Return the key, or None if auth does not know it.

        Raises:
            KeysUnavailable: there is no key set, or only one too old: to trust a key in it, or to say that auth has no other.
        """
        age = self._monotonic() - self._fetched_at
        known = self._keys.get(kid) if age < STALE_SECONDS else None
        fetch = self._start_fetch() if known is None or age >= RENEWED_AFTER_SECONDS else None
        if known is not None and (age < FRESH_SECONDS or self._failed):
            return known
        if fetch is not None:
            await asyncio.shield(fetch)
        found = self._keys.get(kid)
        oldest = FRESH_SECONDS if found is None else STALE_SECONDS
        if self._monotonic() - self._fetched_at >= oldest:
            raise KeysUnavailable
        return found

    def prime(self, document: object) -> None:
        """Start from a key set already at hand; auth itself does, so that it need not ask itself."""
        self._keys = usable_keys(document)
        self._fetched_at = self._monotonic()

    async def close(self) -> None:
        """Let a fetch under way end."""
        if self._fetch is not None:
            await self._fetch

    def _start_fetch(self) -> asyncio.Task[None] | None:
        if self._fetch is not None and not self._fetch.done():
            return self._fetch
        pause = LEAST_SECONDS_BETWEEN_FETCHES if self._keys else SECONDS_BETWEEN_FIRST_FETCHES
        if self._monotonic() - self._tried_at < pause:
            return None
        self._tried_at = self._monotonic()
        self._fetch = asyncio.create_task(self._load(), name="jwks-fetch")
        return self._fetch

    async def _load(self) -> None:
        try:
            async with asyncio.timeout(self._fetch_seconds):
                response = await self._http.get(self._url)
            response.raise_for_status()
            keys = usable_keys(_parsed(response.content))
        except (
            TimeoutError,
            httpx.HTTPError,
            httpx.InvalidURL,
            ValueError,
            RuntimeError,
        ) as error:
            _log.warning("jwks_fetch_failed", reason=type(error).__name__, kept=len(self._keys))
            self._failed = True
            return
        self._keys, self._failed = keys, False
        self._fetched_at = self._monotonic()


def _parsed(content: bytes) -> object:
    if len(content) > _LARGEST_DOCUMENT:
        raise ValueError("key set too large")
    return json.loads(content)


def usable_keys(document: object) -> Mapping[str, RSAKey]:
    """Return the RSA signature keys of a JWKS document (RFC 7517) by key id.

    Raises:
        ValueError: no key in it can verify our tokens.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    listed = entries if isinstance(entries, list) else []
    keys = dict(found for entry in listed if (found := _usable(entry)) is not None)
    if not keys:
        raise ValueError("no usable key")
    return keys


def _usable(entry: object) -> tuple[str, RSAKey] | None:
    if not isinstance(entry, dict) or entry.get("kty") != "RSA":
        return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", ALGORITHM) != ALGORITHM:
        return None
    kid, modulus, exponent = entry.get("kid"), entry.get("n"), entry.get("e")
    if not (isinstance(kid, str) and isinstance(modulus, str) and isinstance(exponent, str)):
        return None
    if len(modulus) < _SHORTEST_MODULUS:
        return None
    try:
        key = RSAKey.import_key({"kty": "RSA", "n": modulus, "e": exponent})
        long_enough = key.public_key.key_size >= _SMALLEST_MODULUS_BITS
    except (JoseError, ValueError, TypeError):
        return None
    return (kid, key) if long_enough else None


@dataclass(frozen=True)
class TokenVerifier:
    """Accepts access tokens of one issuer for one audience, signed RS256, and nothing else."""

    keys: KeySource
    issuer: str
    audience: str
    clock: Clock = field(default_factory=SystemClock)

    async def verify(self, token: str) -> Principal:
        """Return whom the token names.

        Raises:
            InvalidToken: whatever is wrong with it; the reason goes to the log.
            KeysUnavailable: it cannot be judged now.
        """
        try:
            return await self._verify(token)
        except BadToken as error:
            _log.info("access_token_refused", reason=str(error))
            raise InvalidToken(str(error)) from error

    async def _verify(self, token: str) -> Principal:
        header = read_header(token)
        if header.alg != ALGORITHM:
            raise BadToken("alg")
        if header.typ != ACCESS_TOKEN_TYPE:
            raise BadToken("typ")
        key = await self.keys.key_for(header.kid)
        if key is None:
            raise BadToken("unknown kid")
        claims = read_claims(token, key, ALGORITHM)
        if claims.get("iss") != self.issuer:
            raise BadToken("iss")
        if claims.get("aud") != self.audience:
            raise BadToken("aud")
        check_times(claims, self.clock.now())
        text(claims, "jti")
        return _principal(claims, token)


def _principal(claims: Mapping[str, object], token: str) -> Principal:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise BadToken("scope")
    return Principal(
        subject=text(claims, "sub"),
        scopes=frozenset(scope.split()),
        session_id=text(claims, "sid") if "sid" in claims else None,
        home_region=text(claims, "home_region"),
        client_id=text(claims, "client_id"),
        token=token,
        auth_time=datetime.fromtimestamp(integer(claims, "auth_time"), UTC)
        if "auth_time" in claims
        else None,
        acr=text(claims, "acr") if "acr" in claims else None,
        amr=_words(claims, "amr"),
        has_second_factor=claims.get("second_factor", False) is not False,
        roles=_words(claims, "roles"),
    )


def _words(claims: Mapping[str, object], name: str) -> frozenset[str]:
    listed = claims.get(name, [])
    if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
        raise BadToken(name)
    return frozenset(listed)
