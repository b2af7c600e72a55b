"""The keys access tokens are signed with: one current and one next per region, private halves wrapped by the master key."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from joserfc.jwk import RSAKey

from libs.database.session import Database
from libs.observability.logging import get_logger
from libs.security.master_key import WrappedElsewhere
from services.auth.errors import SigningKeysUnavailable
from services.auth.models import SigningKey
from services.auth.repository import SigningKeyRepository
from services.auth.service.making_keys import create_missing
from services.auth.service.sealing import PrivateKeys

RELOAD_SECONDS: Final = 15.0
"""With what verifiers keep (`FRESH_SECONDS`) and a fetch, less than the minute after which a revoked key must be refused."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class _Loaded:
    current: RSAKey
    kid: str
    public: Sequence[dict[str, str]]
    at: float


class Keyring:
    """Gives the current key of this region and the public keys of all; re-reads them four times a minute."""

    def __init__(
        self,
        database: Database,
        private_keys: PrivateKeys,
        region: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._private_keys = private_keys
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
        if self._loaded is not None and self._monotonic() - self._loaded.at < RELOAD_SECONDS:
            return self._loaded
        async with self._loading:
            if self._loaded is None or self._monotonic() - self._loaded.at >= RELOAD_SECONDS:
                await self._load()
        if self._loaded is None:
            raise SigningKeysUnavailable
        return self._loaded

    async def _load(self) -> None:
        try:
            await create_missing(self._database, self._private_keys, self._region)
            async with self._database.transaction() as session:
                keys = await SigningKeyRepository(session).published()
            self._loaded = await self._opened(keys)
        except Exception as error:  # keys already read go on working while the database is away
            if self._loaded is None:
                raise SigningKeysUnavailable from error
            _log.warning("signing_keys_not_reloaded", reason=type(error).__name__)

    async def _opened(self, keys: Sequence[SigningKey]) -> _Loaded:
        mine = next(key for key in keys if (key.region, key.status) == (self._region, "current"))
        return _Loaded(
            current=await self._private_half(mine),
            kid=mine.kid,
            public=[key.public_jwk for key in keys],
            at=self._monotonic(),
        )

    async def _private_half(self, key: SigningKey) -> RSAKey:
        if self._loaded is not None and self._loaded.kid == key.kid:
            return self._loaded.current
        try:
            private = await self._private_keys.unwrap(key)
        except WrappedElsewhere as error:
            _log.error("signing_key_not_decryptable", kid=key.kid, reason=str(error))
            raise
        return RSAKey.import_key(json.loads(private))
