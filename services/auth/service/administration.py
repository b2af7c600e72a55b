"""What administrators do to accounts: lock and unlock, roles, sessions."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.observability.logging import get_logger
from libs.security.principal import Principal
from services.auth.domain.accounts import ACTIVE, LOCKED, PENDING, SHUT
from services.auth.errors import IdentityNotFound
from services.auth.errors.proofs import OwnAccount
from services.auth.models import Identity, RefreshFamily
from services.auth.repository import Unit, Units
from services.auth.service.ending import SessionEnding, end_everything
from services.auth.service.opening import ask_to_prove

_log = get_logger(__name__)


@dataclass(frozen=True)
class Administration:
    """Accounts of others; nobody takes rights from themselves, so that one administrator always remains."""

    units: Units
    ending: SessionEnding

    async def get_account(self, user_id: str) -> Identity:
        """Return an account.

        Raises:
            IdentityNotFound: nobody has this id.
        """
        async with self.units.begin() as unit:
            identity = await unit.identities.find(user_id)
        if identity is None:
            raise IdentityNotFound
        return identity

    async def lock(self, caller: Principal, user_id: str) -> Identity:
        """Let nobody in any more, by no mail on its way either, and end every session; locking again changes nothing.

        Raises:
            IdentityNotFound: nobody has this id.
            OwnAccount: it is the caller's.
            SessionStoreUnavailable: it is locked; try again to end the sessions' records too.
        """
        async with self.units.begin() as unit:
            identity = await _others(unit, caller, user_id)
            if identity.status not in SHUT:
                await unit.identities.lock(user_id)
                await unit.tell(user_id, "account_locked", by=caller.subject)
            ended = await end_everything(unit, user_id, "locked")
        _log.warning("account_locked", user_id=user_id, by=caller.subject)
        await self.ending.forget_all_of(user_id, ended)
        return await self.get_account(user_id)

    async def unlock(self, caller: Principal, user_id: str) -> Identity:
        """Give the account back what it was: open, or waiting to be opened; a closed one stays closed.

        Raises:
            IdentityNotFound: nobody has this id.
            OwnAccount: it is the caller's.
        """
        async with self.units.begin() as unit:
            identity = await _others(unit, caller, user_id)
            if identity.status == LOCKED:
                waits = identity.never_open
                await unit.identities.set_status(user_id, PENDING if waits else ACTIVE)
                await unit.tell(user_id, "account_unlocked", by=caller.subject)
                if waits:  # the mail that opens it may be too old by now
                    version = await unit.identities.next_version(user_id)
                    await ask_to_prove(unit, user_id, version)
        _log.warning("account_unlocked", user_id=user_id, by=caller.subject)
        return await self.get_account(user_id)

    async def change_roles(self, caller: Principal, user_id: str, roles: Sequence[str]) -> Identity:
        """Give the account these roles; its sessions end, so that no token says otherwise.

        Raises:
            IdentityNotFound: nobody has this id.
            OwnAccount: it is the caller's.
            SessionStoreUnavailable: the roles are changed; try again to end the sessions' records too.
        """
        async with self.units.begin() as unit:
            identity = await _others(unit, caller, user_id)
            ended: Sequence[str] = []
            if set(identity.roles) != set(roles):
                await unit.identities.set_roles(user_id, sorted(set(roles)))
                await unit.tell(user_id, "roles_changed", by=caller.subject)
                ended = await end_everything(unit, user_id, "roles_changed")
        _log.warning("roles_changed", user_id=user_id, by=caller.subject, roles=sorted(set(roles)))
        await self.ending.forget_all_of(user_id, ended)
        return await self.get_account(user_id)

    async def list_sessions(self, user_id: str) -> Sequence[RefreshFamily]:
        """Return the account's live sessions, the newest use first.

        Raises:
            IdentityNotFound: nobody has this id.
        """
        await self.get_account(user_id)
        async with self.units.begin() as unit:
            return await unit.families.live_of(user_id)

    async def end_sessions(self, caller: Principal, user_id: str) -> None:
        """Log the account out everywhere.

        Raises:
            IdentityNotFound: nobody has this id.
            SessionStoreUnavailable: nothing can be refreshed any more; try again to end the records too.
        """
        await self.get_account(user_id)
        async with self.units.begin() as unit:
            ended = await end_everything(unit, user_id, "ended_by_staff")
            await unit.audit.record("session.all_ended", caller.subject, user_id)
        _log.warning("sessions_ended", user_id=user_id, by=caller.subject)
        await self.ending.forget_all_of(user_id, ended)


async def _others(unit: Unit, caller: Principal, user_id: str) -> Identity:
    if caller.subject == user_id:
        raise OwnAccount
    identity = await unit.identities.find_locked(user_id)
    if identity is None:
        raise IdentityNotFound
    return identity
