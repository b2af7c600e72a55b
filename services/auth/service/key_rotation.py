"""Changing the keys tokens are signed with: in turn, by schedule or by hand, and at once when one has leaked.

Each change is one transaction under one lock, so whoever is killed changed everything or nothing, and of two who come at
once the second sees what the first did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from libs.audit.log import SYSTEM, AuditLog
from libs.clock import Clock
from libs.database.session import Database
from libs.observability.logging import get_logger
from services.auth.domain.signing_keys import is_due, is_over, signs_from
from services.auth.models import SigningKey
from services.auth.repository import SigningKeyRepository
from services.auth.service.making_keys import create_missing, make_key
from services.auth.service.sealing import BY_MASTER_KEY, PrivateKeys

_log = get_logger(__name__)

_SIGN_NO_LONGER: Final = frozenset({"previous", "retired"})
"""A key never comes back from these."""


class NextKeyTooYoung(Exception):
    """Not everybody knows the next key yet; the text says when it may sign."""


class KeyUnknown(Exception):
    """No key of this region has the id."""


@dataclass(frozen=True)
class KeyRotation:
    """The keys of one region."""

    database: Database
    private_keys: PrivateKeys
    region: str
    clock: Clock

    async def keys(self) -> Sequence[SigningKey]:
        """Return the region's keys, the oldest first, making the first ones if there are none."""
        await create_missing(self.database, self.private_keys, self.region)
        async with self.database.transaction() as session:
            return await SigningKeyRepository(session).of_region(self.region)

    async def rotate(self, period: timedelta | None = None, actor: str = SYSTEM) -> str | None:
        """Let the next key sign and publish another, unless the current one has signed for less than a `period`.

        Returns:
            The id of the key that signs now; None when it was not due.

        Raises:
            NextKeyTooYoung: some verifier may not have heard of the next key; nothing was changed.
        """
        spare = await self._spare()
        async with self.database.transaction() as session:
            repository = SigningKeyRepository(session)
            keys = await self._locked(repository)
            now, current, following = self.clock.now(), keys["current"], keys["next"]
            if period is not None and not _is_due(current, period, now):
                return None
            if now < signs_from(following.created_at):
                raise NextKeyTooYoung(
                    f"the next key may sign from {signs_from(following.created_at):%H:%M:%S} UTC"
                )
            await _promote(repository, current, following, spare, now)
            await AuditLog(session).record("key.rotated", actor, following.kid, before=current.kid)
        _log.info("signing_key_rotated", kid=following.kid, before=current.kid)
        return following.kid

    async def revoke(self, kid: str, actor: str = SYSTEM) -> None:
        """Refuse a key from now on: it is published no longer, and if it signed, the next one does. Twice is once.

        A key that signs no longer needs no other in its place, so it can be refused while the master key is away.

        Raises:
            KeyUnknown: no key of this region has the id.
            MasterKeyUnavailable: the key signs, or is the next to, and whoever holds the master key does not answer.
        """
        async with self.database.transaction() as session:
            known = await self._known(SigningKeyRepository(session), kid)
        spare = None if known.status in _SIGN_NO_LONGER else await self._spare()
        async with self.database.transaction() as session:
            repository = SigningKeyRepository(session)
            keys = await self._locked(repository)
            key = await self._known(repository, kid)
            if key.status == "retired":
                return
            was = key.status
            if was == "current" and spare is not None:
                await _promote(repository, key, keys["next"], spare, self.clock.now())
            _retire(key)
            await repository.flush()
            if was == "next" and spare is not None:
                await repository.add(spare)
            await AuditLog(session).record("key.revoked", actor, kid)
        _log.warning("signing_key_revoked", kid=kid)

    async def tend(self, period: timedelta) -> None:
        """Do what is due: rotate after `period`, and publish no longer what has signed no living token."""
        now = self.clock.now()
        current = next((key for key in await self.keys() if key.status == "current"), None)
        if current is not None and _is_due(current, period, now):
            try:
                await self.rotate(period)
            except NextKeyTooYoung as error:
                _log.info("signing_key_not_rotated", reason=str(error))
        async with self.database.transaction() as session:
            repository = SigningKeyRepository(session)
            await self._locked(repository)
            for key in await repository.of_region(self.region):
                if key.status == "previous" and is_over(key.signed_until or key.updated_at, now):
                    _retire(key)

    async def rewrap(self) -> int:
        """Wrap every private half anew with the newest master key; return how many there were."""
        async with self.database.transaction() as session:
            repository = SigningKeyRepository(session)
            await self._locked(repository)
            kept = [
                key for key in await repository.of_region(self.region) if key.private_key_encrypted
            ]
            for key in kept:
                private = await self.private_keys.unwrap(key)
                key.private_key_encrypted = await self.private_keys.wrap(private, key.kid)
                key.wrapped_by = BY_MASTER_KEY
        return len(kept)

    async def _spare(self) -> SigningKey:
        await create_missing(self.database, self.private_keys, self.region)
        spare = await make_key(self.private_keys, self.region, "next")
        spare.created_at = self.clock.now()
        return spare

    async def _known(self, repository: SigningKeyRepository, kid: str) -> SigningKey:
        key = await repository.find(self.region, kid)
        if key is None:
            raise KeyUnknown(f"{self.region} has no key {kid}")
        return key

    async def _locked(self, repository: SigningKeyRepository) -> Mapping[str, SigningKey]:
        """Keep others from changing keys until the transaction ends; return one key of each status."""
        await repository.lock()
        return {key.status: key for key in await repository.of_region(self.region)}


def _is_due(current: SigningKey, period: timedelta, now: datetime) -> bool:
    return is_due(current.signs_since or current.created_at, period, now)


async def _promote(
    repository: SigningKeyRepository,
    current: SigningKey,
    following: SigningKey,
    spare: SigningKey,
    now: datetime,
) -> None:
    """Each step is written by itself: there is never a second current or next key, not even within the transaction."""
    current.status, current.signed_until = "previous", now
    current.private_key_encrypted = b""
    await repository.flush()
    following.status, following.signs_since = "current", now
    await repository.flush()
    await repository.add(spare)


def _retire(key: SigningKey) -> None:
    key.status, key.private_key_encrypted = "retired", b""
