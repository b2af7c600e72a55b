"""Makes RSA keys to sign with. It takes some tenths of a second, so it is done before anything is locked."""

import asyncio
import json
from collections.abc import Iterable
from typing import Final

from joserfc.jwk import RSAKey

from libs.database.session import Database
from libs.ids import uuid7
from services.auth.models import SigningKey
from services.auth.repository import SigningKeyRepository
from services.auth.service.sealing import BY_MASTER_KEY, PrivateKeys

_KEY_BITS: Final = 3_072
"""128 bits of strength (NIST SP 800-57 part 1, table 2; ASVS 5.0, 11.2.3). Verifiers also take the 2,048 of older keys."""


async def make_key(private_keys: PrivateKeys, region: str, status: str) -> SigningKey:
    """Return a new key of a region, not stored yet.

    Raises:
        MasterKeyUnavailable: whoever holds the master key does not answer.
    """
    kid = f"{region}-{uuid7().hex}"
    key = await asyncio.to_thread(
        RSAKey.generate_key, _KEY_BITS, {"kid": kid, "use": "sig", "alg": "RS256"}
    )
    private = json.dumps(key.as_dict(private=True)).encode()
    return SigningKey(
        kid=kid,
        region=region,
        status=status,
        public_jwk={name: str(value) for name, value in key.as_dict(private=False).items()},
        private_key_encrypted=await private_keys.wrap(private, kid),
        wrapped_by=BY_MASTER_KEY,
    )


async def create_missing(database: Database, private_keys: PrivateKeys, region: str) -> None:
    """Create a region's first keys; one process does, the others wait for its commit."""
    async with database.transaction() as session:
        missing = _missing(await SigningKeyRepository(session).published(), region)
    new = [await make_key(private_keys, region, status) for status in sorted(missing)]
    if not new:
        return
    async with database.transaction() as session:
        repository = SigningKeyRepository(session)
        await repository.lock()
        missing = _missing(await repository.published(), region)
        for key in new:
            if key.status in missing:
                await repository.add(key)


def _missing(keys: Iterable[SigningKey], region: str) -> set[str]:
    return {"current", "next"} - {key.status for key in keys if key.region == region}
