"""What people can do with their profile and their address book."""

from collections.abc import Callable
from dataclasses import dataclass

from libs.contracts.user import ProfileCreated
from libs.ids import new_id
from libs.messaging.outbox import Outbox
from services.user.clients.auth import Identity
from services.user.errors import AddressNotFound, ProfileNotFound, TooManyAddresses
from services.user.models import Address, Profile
from services.user.repository.profiles import AddressRepository, ProfileRepository
from services.user.schemas.profiles import (
    AddressBook,
    AddressChange,
    AddressView,
    NewAddress,
    ProfileChange,
    ProfileView,
)

MOST_ADDRESSES = 20

VersionCheck = Callable[[int], None]
"""Compares the version a client saw with the current one; raises when they differ."""


@dataclass(frozen=True)
class UserService:
    """Use cases of one request or message, inside its transaction."""

    profiles: ProfileRepository
    addresses: AddressRepository
    outbox: Outbox

    async def create_profile(self, identity: Identity) -> None:
        """Give a registered identity its profile; a repetition changes nothing and tells nothing."""
        created = await self.profiles.insert_once(
            identity.user_id, identity.home_region, identity.display_name
        )
        if created:
            await self.outbox.add(
                ProfileCreated(user_id=identity.user_id, home_region=identity.home_region),
                aggregate_version=1,
            )

    async def has_profile(self, user_id: str) -> bool:
        return await self.profiles.find(user_id) is not None

    async def get_profile(self, user_id: str) -> ProfileView:
        return _profile_view(await self._profile(user_id))

    async def change_profile(
        self, user_id: str, change: ProfileChange, unless_stale: VersionCheck
    ) -> ProfileView:
        """Change what was sent; `unless_stale` is told the version first and refuses a stale one."""
        profile = await self._locked_profile(user_id)
        unless_stale(profile.version)
        return _profile_view(await self.profiles.change(profile, change.changes()))

    async def list_addresses(self, user_id: str) -> AddressBook:
        return AddressBook(items=[_address_view(a) for a in await self.addresses.all_of(user_id)])

    async def get_address(self, user_id: str, address_id: str) -> AddressView:
        return _address_view(await self._address(user_id, address_id))

    async def add_address(self, user_id: str, new: NewAddress) -> AddressView:
        """Add an address; the first one becomes the default.

        Raises:
            TooManyAddresses: the book is full.
        """
        profile = await self._locked_profile(user_id)
        known = await self.addresses.count(user_id)
        if known >= MOST_ADDRESSES:
            raise TooManyAddresses(f"Delete one of your {MOST_ADDRESSES} addresses first.")
        values = new.model_dump()
        values["is_default"] = new.is_default or known == 0
        if values["is_default"]:
            await self.addresses.clear_default(user_id)
        address = Address(
            id=new_id("adr"), user_id=user_id, home_region=profile.home_region, **values
        )
        return _address_view(await self.addresses.add(address))

    async def change_address(
        self, user_id: str, address_id: str, change: AddressChange, unless_stale: VersionCheck
    ) -> AddressView:
        """Change what was sent; the profile's lock keeps two changes from both becoming the default."""
        await self._locked_profile(user_id)
        address = await self._address(user_id, address_id)
        unless_stale(address.version)
        if change.is_default:
            await self.addresses.clear_default(user_id)
        return _address_view(await self.addresses.change(address, change.changes()))

    async def delete_address(
        self, user_id: str, address_id: str, unless_stale: VersionCheck
    ) -> None:
        """Forget an address; the profile's lock keeps it from changing after `unless_stale` has looked."""
        await self._locked_profile(user_id)
        address = await self._address(user_id, address_id)
        unless_stale(address.version)
        await self.addresses.remove(address)

    async def _profile(self, user_id: str) -> Profile:
        return _existing(await self.profiles.find(user_id))

    async def _locked_profile(self, user_id: str) -> Profile:
        return _existing(await self.profiles.find_locked(user_id))

    async def _address(self, user_id: str, address_id: str) -> Address:
        address = await self.addresses.find(user_id, address_id)
        if address is None:
            raise AddressNotFound("None of your addresses has this id.")
        return address


def _existing(profile: Profile | None) -> Profile:
    if profile is None:
        raise ProfileNotFound("Register first; the profile appears with the account.")
    return profile


def _profile_view(profile: Profile) -> ProfileView:
    return ProfileView(
        user_id=profile.user_id,
        display_name=profile.display_name,
        locale=profile.locale,
        currency=profile.currency,
        home_region=profile.home_region,
        version=profile.version,
        created_at=profile.created_at,
        updated_at=profile.updated_at,
    )


def _address_view(address: Address) -> AddressView:
    return AddressView(
        address_id=address.id,
        recipient=address.recipient,
        line1=address.line1,
        line2=address.line2,
        city=address.city,
        region=address.region,
        postal_code=address.postal_code,
        country=address.country,
        phone=address.phone,
        is_default=address.is_default,
        version=address.version,
    )
