"""Identities by id and by address."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.privacy.columns import equals, protected
from services.auth.models import Identity


class IdentityRepository:
    """Identities by id and by address."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, user_id: str) -> Identity | None:
        return await self._session.get(Identity, user_id)

    async def find_by_email(self, email: str) -> Identity | None:
        found: Identity | None = await self._session.scalar(
            select(Identity).where(equals(Identity, "email_index", email))
        )
        return found

    async def find_by_email_locked(self, email: str) -> Identity | None:
        found: Identity | None = await self._session.scalar(
            select(Identity).where(equals(Identity, "email_index", email)).with_for_update()
        )
        return found

    async def insert_unless_taken(self, identity: Identity) -> bool:
        """Insert the identity; False if its address is taken."""
        inserted = await self._session.scalar(
            insert(Identity)
            .values(
                **protected(
                    self._session,
                    Identity,
                    identity.id,
                    {"email": identity.email, "display_name": identity.display_name},
                ),
                id=identity.id,
                password_hash=identity.password_hash,
                roles=identity.roles,
                home_region=identity.home_region,
            )
            .on_conflict_do_nothing()
            .returning(Identity.id)
        )
        return inserted is not None

    async def replace_password_hash(self, user_id: str, old: str, new: str) -> None:
        """Store the same password under newer parameters, unless it was changed meanwhile."""
        await self._session.execute(
            update(Identity)
            .where(Identity.id == user_id, Identity.password_hash == old)
            .values(password_hash=new)
        )

    async def reset(self, user_id: str, password_hash: str, roles: Sequence[str]) -> None:
        await self._session.execute(
            update(Identity)
            .where(Identity.id == user_id)
            .values(
                password_hash=password_hash,
                roles=list(roles),
                status="active",
                version=Identity.version + 1,
            )
        )
