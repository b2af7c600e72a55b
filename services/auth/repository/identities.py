"""Identities by id and by address."""

from collections.abc import Sequence

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from libs.privacy.columns import equals, protected
from services.auth.domain.accounts import ACTIVE, CLOSED, LOCKED, PENDING
from services.auth.errors import EmailTaken
from services.auth.models import Identity

_PROVED = func.coalesce(Identity.email_verified_at, func.clock_timestamp())
"""Since when the account is certainly its owner's. The account is locked: what others added before has committed."""
_OPENED = func.coalesce(Identity.opened_at, func.clock_timestamp())


async def hold(session: AsyncSession, *user_ids: str) -> None:
    """Hold accounts until the transaction ends, before any other row of theirs is locked.

    Whoever begins, derives or ends sessions, or changes factors, password, address or status, does this first: they come
    one after another, and none waits for another in a circle. It has to be a statement of its own, for a statement sees
    what was committed when it began (READ COMMITTED): an UPDATE of all sessions misses one that was added while it waited.
    """
    held = select(Identity.id).where(Identity.id.in_(user_ids)).order_by(Identity.id)
    await session.execute(held.with_for_update())


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

    async def find_locked(self, user_id: str) -> Identity | None:
        """Hold the account, as `hold` does, and return it as it is now."""
        found: Identity | None = await self._session.scalar(
            select(Identity)
            .where(Identity.id == user_id)
            .with_for_update()
            .execution_options(populate_existing=True)
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
                status=identity.status,
                opened_at=func.now() if identity.status == ACTIVE else None,
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
                status=ACTIVE,
                opened_at=_OPENED,
                version=Identity.version + 1,
            )
        )

    async def next_version(self, user_id: str) -> int:
        """Count a change of the identity, locking it; return its new version."""
        found = await self._session.scalars(
            update(Identity)
            .where(Identity.id == user_id)
            .values(version=Identity.version + 1)
            .returning(Identity.version)
        )
        return found.one()

    async def set_password(self, user_id: str, password_hash: str) -> None:
        await self._session.execute(
            update(Identity).where(Identity.id == user_id).values(password_hash=password_hash)
        )

    async def rename(self, user_id: str, display_name: str) -> None:
        name = protected(self._session, Identity, user_id, {"display_name": display_name})
        await self._session.execute(update(Identity).where(Identity.id == user_id).values(**name))

    async def set_second_factor(self, user_id: str, *, enrolled: bool) -> None:
        await self._session.execute(
            update(Identity).where(Identity.id == user_id).values(second_factor=enrolled)
        )

    async def verify_email(self, user_id: str) -> None:
        """Note that the owner of the account reads mail to its address, which opens one that waits for that."""
        await self._session.execute(
            update(Identity)
            .where(Identity.id == user_id)
            .values(
                email_verified_at=_PROVED,
                status=case((Identity.status == PENDING, ACTIVE), else_=Identity.status),
                opened_at=case((Identity.status == PENDING, _OPENED), else_=Identity.opened_at),
            )
        )

    async def change_email(self, user_id: str, email: str) -> None:
        """Give the account another address, which its owner has proved.

        Raises:
            EmailTaken: another account has it.
        """
        try:
            await self._session.execute(
                update(Identity)
                .where(Identity.id == user_id)
                .values(
                    **protected(self._session, Identity, user_id, {"email": email}),
                    email_verified_at=_PROVED,
                )
            )
        except IntegrityError as error:
            raise EmailTaken from error

    async def remove_waiting(self, email: str) -> dict[str, int]:
        """Delete the account with this address if nobody ever opened it; return its id and version."""
        removed = await self._session.execute(
            delete(Identity)
            .where(
                equals(Identity, "email_index", email),
                Identity.status == PENDING,
                Identity.opened_at.is_(None),
            )
            .returning(Identity.id, Identity.version)
            .execution_options(synchronize_session=False)
        )
        return {row.id: row.version for row in removed}

    async def lock(self, user_id: str) -> None:
        """Lock the account, and remember whether it was open before."""
        await self._session.execute(
            update(Identity)
            .where(Identity.id == user_id)
            .values(
                status=LOCKED,
                opened_at=case((Identity.status == ACTIVE, _OPENED), else_=Identity.opened_at),
            )
        )

    async def close(self, user_id: str) -> bool:
        """Let nobody log in to the account any more, and tell whether it was open; it keeps its address until it is removed."""
        closed = await self._session.scalars(
            update(Identity)
            .where(Identity.id == user_id, Identity.status != CLOSED)
            .values(status=CLOSED, version=Identity.version + 1)
            .returning(Identity.id)
        )
        return bool(closed.all())

    async def set_status(self, user_id: str, status: str) -> None:
        await self._session.execute(
            update(Identity).where(Identity.id == user_id).values(status=status)
        )

    async def set_roles(self, user_id: str, roles: Sequence[str]) -> None:
        await self._session.execute(
            update(Identity).where(Identity.id == user_id).values(roles=list(roles))
        )
