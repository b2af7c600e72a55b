"""Queries on profiles and addresses."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.privacy.columns import protected
from services.user.models import Address, Profile


class ProfileRepository:
    """Profiles by their user."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, user_id: str) -> Profile | None:
        return await self._session.get(Profile, user_id)

    async def find_locked(self, user_id: str) -> Profile | None:
        """Load the profile and hold its row until the transaction ends."""
        return await self._session.get(Profile, user_id, with_for_update=True)

    async def insert_once(self, user_id: str, home_region: str, display_name: str) -> bool:
        """Create the profile unless it exists; tell whether this call created it."""
        created = await self._session.scalar(
            insert(Profile)
            .values(
                **protected(self._session, Profile, user_id, {"display_name": display_name}),
                user_id=user_id,
                home_region=home_region,
            )
            .on_conflict_do_nothing()
            .returning(Profile.user_id)
        )
        return created is not None

    async def change(self, profile: Profile, values: Mapping[str, object]) -> Profile:
        await self._session.execute(
            update(Profile)
            .where(Profile.user_id == profile.user_id)
            .values(
                **protected(self._session, Profile, profile.user_id, values),
                version=Profile.version + 1,
            )
        )
        await self._session.refresh(profile)
        return profile


class AddressRepository:
    """Addresses, always looked up together with their owner."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def all_of(self, user_id: str) -> Sequence[Address]:
        found = await self._session.scalars(
            select(Address)
            .where(Address.user_id == user_id)
            .order_by(Address.is_default.desc(), Address.id)
        )
        return found.all()

    async def find(self, user_id: str, address_id: str) -> Address | None:
        found: Address | None = await self._session.scalar(
            select(Address).where(Address.id == address_id, Address.user_id == user_id)
        )
        return found

    async def count(self, user_id: str) -> int:
        counted = await self._session.scalar(
            select(func.count()).select_from(Address).where(Address.user_id == user_id)
        )
        return counted or 0

    async def add(self, address: Address) -> Address:
        self._session.add(address)
        await self._session.flush()
        await self._session.refresh(address)
        return address

    async def change(self, address: Address, values: Mapping[str, object]) -> Address:
        await self._session.execute(
            update(Address)
            .where(Address.id == address.id)
            .values(
                **protected(self._session, Address, address.id, values),
                version=Address.version + 1,
            )
        )
        await self._session.refresh(address)
        return address

    async def clear_default(self, user_id: str) -> None:
        await self._session.execute(
            update(Address)
            .where(Address.user_id == user_id, Address.is_default)
            .values(is_default=False, version=Address.version + 1)
        )

    async def remove(self, address: Address) -> None:
        await self._session.execute(delete(Address).where(Address.id == address.id))
