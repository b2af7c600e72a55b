"""Signing keys of all regions."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models import SigningKey


class SigningKeyRepository:
    """Signing keys of all regions."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self) -> None:
        """Let one process at a time change keys, until the transaction ends."""
        await self._session.execute(
            text("SELECT pg_advisory_xact_lock(hashtext('auth signing keys'))")
        )

    async def published(self) -> Sequence[SigningKey]:
        """Return every key a verifier may need, the oldest first."""
        found = await self._session.scalars(
            select(SigningKey)
            .where(SigningKey.status != "retired")
            .order_by(SigningKey.created_at, SigningKey.kid)
        )
        return found.all()

    async def of_region(self, region: str) -> Sequence[SigningKey]:
        """Return a region's keys, the retired ones too, the oldest first."""
        found = await self._session.scalars(
            select(SigningKey)
            .where(SigningKey.region == region)
            .order_by(SigningKey.created_at, SigningKey.kid)
        )
        return found.all()

    async def find(self, region: str, kid: str) -> SigningKey | None:
        """Return a region's key."""
        return await self._session.scalar(
            select(SigningKey).where(SigningKey.region == region, SigningKey.kid == kid)
        )

    async def flush(self) -> None:
        """Write what was changed so far."""
        await self._session.flush()

    async def add(self, key: SigningKey) -> None:
        self._session.add(key)
        await self._session.flush()
