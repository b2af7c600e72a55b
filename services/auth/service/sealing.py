"""Private halves of signing keys, wrapped by the master key; or, in rows from before there was one, sealed with a secret."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from libs.security.master_key import MasterKey, WrappedElsewhere
from services.auth.models import SigningKey

SHORTEST_SECRET: Final = 32
BY_MASTER_KEY: Final = "master"

_NONCE_BYTES: Final = 12


class KeyEncryption:
    """Seals with AES-256-GCM under a key derived from a secret; only rows from before the master key need it."""

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


class PrivateKeys:
    """Wraps private halves, each bound to its key id."""

    def __init__(self, master_key: MasterKey, older: KeyEncryption | None = None) -> None:
        self._master_key = master_key
        self._older = older

    async def wrap(self, private: bytes, kid: str) -> bytes:
        """Encrypt.

        Raises:
            MasterKeyUnavailable: whoever holds the master key does not answer.
        """
        return await self._master_key.wrap(private, _context(kid))

    async def unwrap(self, key: SigningKey) -> bytes:
        """Decrypt, whichever way the row was written.

        Raises:
            WrappedElsewhere: another master key or another secret wrote it.
            MasterKeyUnavailable: whoever holds the master key does not answer.
        """
        if key.wrapped_by == BY_MASTER_KEY:
            return await self._master_key.unwrap(key.private_key_encrypted, _context(key.kid))
        if self._older is None:
            raise WrappedElsewhere(f"{key.kid} needs SIGNING_KEY_ENCRYPTION_KEY")
        try:
            return self._older.open(key.private_key_encrypted, key.kid)
        except InvalidTag as error:
            raise WrappedElsewhere(
                f"{key.kid}: another SIGNING_KEY_ENCRYPTION_KEY sealed it"
            ) from error


def _context(kid: str) -> dict[str, str]:
    return {"service": "auth", "purpose": "signing-key", "kid": kid}
