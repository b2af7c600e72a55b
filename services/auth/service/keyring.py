"""The keys access tokens are signed with: one current and one next per region, private halves encrypted at rest."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import RSAKey

from libs.database.session import Database
from libs.ids import uuid7
from libs.observability.logging import get_logger
from services.auth.errors import SigningKeysUnavailable
from services.auth.models import SigningKey
from services.auth.repository import SigningKeyRepository

SHORTEST_SECRET: Final = 32

_KEY_BITS: Final = 2_048
_RELOAD_SECONDS: Final = 30.0
_NONCE_BYTES: Final = 12

_log = get_logger(__name__)


class KeyEncryption:
    """Seals private keys with AES-256-GCM under a key derived from the configured secret."""

    def __init__(self, secret: str) -> None:
        """Derive the key.

        Raises:
            ValueError: the secret is too short to be one.
        """
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"SIGNING_KEY_ENCRYPTION_KEY needs {SHORTEST_SECRET} characters")
        derived = HKDF(SHA256(), 32, salt=None, info=b"meridian signing keys v1")
        self._cipher = AESGCM(derived.derive(secret.encode()))

    def seal(self, plain: bytes, bound_to: str) -> bytes:
        """Encrypt; `bound_to` must be the same when opening, so rows cannot be swapped."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """Decrypt.

        Raises:
            InvalidTag: another secret, another row or changed bytes.
        """
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to.encode())


@dataclass(frozen=True)
class _Loaded:
    current: RSAKey
    kid: str
    public: Sequence[dict[str, str]]
    at: float


class Keyring:
    """Gives the current key of this region and the public keys of all; re-reads them twice a minute."""

    def __init__(
        self,
        database: Database,
        encryption: KeyEncryption,
        region: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._encryption = encryption
        self._region = region
        self._monotonic = monotonic
        self._loaded: _Loaded | None = None
        self._loading = asyncio.Lock()

    async def current(self) -> tuple[str, RSAKey]:
        """Return the key to sign with and its id.

        Raises:
            SigningKeysUnavailable: the keys were never read and cannot be now.
        """
        loaded = await self._fresh()
        return loaded.kid, loaded.current

    async def public_keys(self) -> Sequence[dict[str, str]]:
        """Return every key a verifier may need, as JWKs.

        Raises:
            SigningKeysUnavailable: the keys were never read and cannot be now.
        """
        return (await self._fresh()).public

    async def _fresh(self) -> _Loaded:
        if self._loaded is not None and self._monotonic() - self._loaded.at < _RELOAD_SECONDS:
            return self._loaded
        async with self._loading:
            if self._loaded is None or self._monotonic() - self._loaded.at >= _RELOAD_SECONDS:
                await self._load()
        if self._loaded is None:
            raise SigningKeysUnavailable
        return self._loaded

    async def _load(self) -> None:
        try:
            await self._create_missing()
            async with self._database.transaction() as session:
                keys = await SigningKeyRepository(session).published()
            self._loaded = self._open(keys)
        except Exception as error:  # keys already read go on working while the database is away
            if self._loaded is None:
                raise SigningKeysUnavailable from error
            _log.warning("signing_keys_not_reloaded", reason=type(error).__name__)

    async def _create_missing(self) -> None:
        """Create this region's first keys; one process does, the others wait for its commit."""
        async with self._database.transaction() as session:
            missing = self._missing(await SigningKeyRepository(session).published())
        new = [await asyncio.to_thread(self._generate, status) for status in sorted(missing)]
        if not new:
            return
        async with self._database.transaction() as session:
            repository = SigningKeyRepository(session)
            await repository.lock()
            missing = self._missing(await repository.published())
            for key in new:
                if key.status in missing:
                    await repository.add(key)

    def _missing(self, keys: Sequence[SigningKey]) -> set[str]:
        return {"current", "next"} - {key.status for key in keys if key.region == self._region}

    def _generate(self, status: str) -> SigningKey:
        kid = f"{self._region}-{uuid7().hex}"
        key = RSAKey.generate_key(_KEY_BITS, {"kid": kid, "use": "sig", "alg": "RS256"})
        private = json.dumps(key.as_dict(private=True)).encode()
        public = {name: str(value) for name, value in key.as_dict(private=False).items()}
        return SigningKey(
            kid=kid,
            region=self._region,
            status=status,
            public_jwk=public,
            private_key_encrypted=self._encryption.seal(private, kid),
        )

    def _open(self, keys: Sequence[SigningKey]) -> _Loaded:
        mine = next(key for key in keys if (key.region, key.status) == (self._region, "current"))
        try:
            private = self._encryption.open(mine.private_key_encrypted, mine.kid)
        except InvalidTag:
            _log.error("signing_key_not_decryptable", kid=mine.kid)
            raise
        return _Loaded(
            current=RSAKey.import_key(json.loads(private)),
            kid=mine.kid,
            public=[key.public_jwk for key in keys],
            at=self._monotonic(),
        )
