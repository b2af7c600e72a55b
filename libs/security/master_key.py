"""The key that wraps all others: in AWS KMS, or in a file where there is no AWS.

What it wraps is small (a data key, a private key) and bound to a context: AES-256-GCM's associated data (NIST SP 800-38D),
KMS's encryption context. A wrapped key from another service, or for another purpose, does not open.
"""

import asyncio
import base64
import binascii
import json
import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.aws import aws_session
from libs.settings import MasterKeySettings

KEY_BYTES: Final = 32

_NONCE_BYTES: Final = 12
_VERSION_BYTES: Final = 4
_BY_FILE: Final = b"\x01"
_BY_KMS: Final = b"\x02"
_KMS_SECONDS: Final = 5
_ANOTHERS: Final = frozenset(
    {"IncorrectKeyException", "InvalidCiphertextException", "NotFoundException"}
)


class MasterKeyError(Exception):
    """A key cannot be wrapped or unwrapped; the text says what to do."""


class MasterKeyUnavailable(MasterKeyError):
    """Whoever holds the master key does not answer now."""


class WrappedElsewhere(MasterKeyError):
    """Not wrapped by this master key, or for another context."""


class MasterKey(Protocol):
    """Wraps and unwraps keys; `context` must be the same both times and holds nothing secret."""

    async def wrap(self, data_key: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt a key of at most 4,096 bytes, which is what KMS takes at once.

        Raises:
            MasterKeyUnavailable: KMS does not answer, or refuses.
        """
        ...

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt a key.

        Raises:
            WrappedElsewhere: another master key wrapped it, or another context was given.
            MasterKeyUnavailable: KMS does not answer, or refuses.
        """
        ...


class KeyFile:
    """Wraps with AES-256-GCM under the newest version of the keys in a file, and unwraps with all.

    The file is read again when a version is missing, so that a version that was added needs no restart.
    """

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            MasterKeyError: it is missing or damaged.
        """
        self._path = path
        self._keys = _keys_in(path)

    async def wrap(self, data_key: bytes, context: Mapping[str, str]) -> bytes:
        self._keys = await asyncio.to_thread(_keys_in, self._path)
        version = max(self._keys)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[version]).encrypt(nonce, data_key, _canonical(context))
        return _BY_FILE + version.to_bytes(_VERSION_BYTES) + nonce + sealed

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        if wrapped[:1] != _BY_FILE:
            raise WrappedElsewhere("the key was not wrapped by a key file")
        version = int.from_bytes(wrapped[1 : 1 + _VERSION_BYTES])
        if version not in self._keys:
            self._keys = await asyncio.to_thread(_keys_in, self._path)
        if version not in self._keys:
            raise WrappedElsewhere(f"{self._path} has no version {version}: bring it back")
        rest = wrapped[1 + _VERSION_BYTES :]
        try:
            return AESGCM(self._keys[version]).decrypt(
                rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _canonical(context)
            )
        except (InvalidTag, ValueError) as error:
            raise WrappedElsewhere(
                f"{self._path} is not the file it was wrapped with, or it is another's key"
            ) from error


class KmsKey:
    """Wraps with a symmetric key that never leaves AWS KMS; `kms` is an aioboto3 client."""

    def __init__(self, kms: Any, key_id: str) -> None:
        self._kms = kms
        self._key_id = key_id

    async def wrap(self, data_key: bytes, context: Mapping[str, str]) -> bytes:
        answer = await self._ask(
            self._kms.encrypt(
                KeyId=self._key_id, Plaintext=data_key, EncryptionContext=dict(context)
            )
        )
        return _BY_KMS + bytes(answer["CiphertextBlob"])

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        if wrapped[:1] != _BY_KMS:
            raise WrappedElsewhere("the key was not wrapped by KMS")
        answer = await self._ask(
            self._kms.decrypt(
                KeyId=self._key_id, CiphertextBlob=wrapped[1:], EncryptionContext=dict(context)
            )
        )
        return bytes(answer["Plaintext"])

    async def _ask(self, call: Any) -> Any:
        try:
            return await call
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _ANOTHERS:
                raise WrappedElsewhere(f"KMS does not open it with {self._key_id}") from error
            raise MasterKeyUnavailable(f"KMS refuses {self._key_id}: {code}") from error
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise MasterKeyUnavailable(f"KMS does not answer: {type(error).__name__}") from error


class MasterKeys:
    """Wraps with the first, unwraps with whichever did: while data keys move from one master key to the next."""

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        self._keys = keys

    async def wrap(self, data_key: bytes, context: Mapping[str, str]) -> bytes:
        return await self._keys[0].wrap(data_key, context)

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        refusals = []
        for key in self._keys:
            try:
                return await key.unwrap(wrapped, context)
            except WrappedElsewhere as error:
                refusals.append(str(error))
        raise WrappedElsewhere("; ".join(refusals))


@asynccontextmanager
async def open_master_key(settings: MasterKeySettings) -> AsyncIterator[MasterKey]:
    """Open what `MASTER_KEY` names, and for unwrapping what `MASTER_KEY_PREVIOUS` does; asks KMS nothing yet.

    Raises:
        MasterKeyError: a key file is missing or damaged.
    """
    async with AsyncExitStack() as stack:
        places = filter(None, (settings.master_key, settings.master_key_previous))
        keys = [await _open(stack, place, settings) for place in places]
        yield keys[0] if len(keys) == 1 else MasterKeys(keys)


def look_at(place: str) -> None:
    """Make sure that a key file is there and whole; what KMS has, only using it can tell.

    Raises:
        MasterKeyError: it is missing or damaged; the text names the setting and what to do.
    """
    kind, _, name = place.partition(":")
    if kind == "file":
        _keys_in(Path(name))


def add_version(path: Path) -> int:
    """Add a new version to a key file, making the file if there is none; return the version.

    Raises:
        MasterKeyError: the file is damaged.
        OSError: it cannot be written.
    """
    keys = _keys_in(path) if path.exists() else {}
    version = max(keys, default=0) + 1
    keys[version] = secrets.token_bytes(KEY_BYTES)
    text = json.dumps({str(one): base64.b64encode(key).decode() for one, key in keys.items()})
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    return version


async def _open(stack: AsyncExitStack, place: str, settings: MasterKeySettings) -> MasterKey:
    kind, _, name = place.partition(":")
    if kind == "file":
        return KeyFile(Path(name))
    config = AioConfig(
        connect_timeout=_KMS_SECONDS,
        read_timeout=_KMS_SECONDS,
        retries={"mode": "standard", "max_attempts": 3},
    )
    endpoint = settings.aws_endpoint_url
    session = aws_session(settings.region, endpoint)
    client = session.client("kms", endpoint_url=endpoint, config=config)
    return KmsKey(await stack.enter_async_context(client), name)


def _keys_in(path: Path) -> dict[int, bytes]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        keys = {int(version): base64.b64decode(key) for version, key in found.items()}
    except FileNotFoundError:
        raise MasterKeyError(
            f"MASTER_KEY: {path} does not exist; bring it back from its copy. Only where nothing was encrypted yet, "
            f"make one: python -m libs.security master-key {path}"
        ) from None
    except (OSError, ValueError, AttributeError, binascii.Error) as error:
        raise MasterKeyError(
            f"MASTER_KEY: {path} cannot be read; bring it back from its copy"
        ) from error
    if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise MasterKeyError(f"MASTER_KEY: {path} holds no keys; bring it back from its copy")
    return keys


def _canonical(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()
