"""Accounts: registering, looking up, and the administrator's first one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from libs.audit.log import ANONYMOUS, SYSTEM
from libs.flags.flags import Flags
from libs.ids import new_id
from libs.observability.logging import get_logger
from services.auth.domain.accounts import ACTIVE, ADMIN, CLOSED, CUSTOMER, PENDING
from services.auth.domain.mail_requests import MailPurpose
from services.auth.errors import EmailTaken, IdentityNotFound, RegistrationClosed
from services.auth.flags import REGISTRATION_OPEN
from services.auth.models import Identity
from services.auth.repository import Unit
from services.auth.service.ending import end_everything
from services.auth.service.opening import announce, ask_to_prove, prove_address
from services.auth.service.passwords import Passwords
from services.auth.service.second_factors import last_factor

_ADMINISTRATORS: Final = (CUSTOMER, ADMIN)

_log = get_logger(__name__)


def refuse_while_closed(flags: Flags) -> None:
    """Refuse to register anybody while that is turned off, before it costs the hashing of a password.

    Raises:
        RegistrationClosed: it is.
    """
    if not flags.is_on(REGISTRATION_OPEN):
        raise RegistrationClosed


@dataclass(frozen=True)
class _Known:
    """What an account already has of what an operator asks for."""

    password: bool
    roles: bool


@dataclass(frozen=True)
class AccountService:
    """Accounts within one transaction."""

    unit: Unit
    region: str

    async def register(self, email: str, display_name: str, password_hash: str) -> str:
        """Create an account that is open at once and tell the others, who also have its address verified; return its id.

        The password comes hashed, so that no transaction is open while that takes its time.

        Raises:
            EmailTaken: an account has this address.
        """
        identity = await self._create(email, display_name, password_hash, (CUSTOMER,), ACTIVE)
        await announce(self.unit, identity, version=1)
        await ask_to_prove(self.unit, identity.id, version=1)
        return identity.id

    async def _create(
        self,
        email: str,
        display_name: str,
        password_hash: str,
        roles: Sequence[str],
        status: str,
    ) -> Identity:
        """Insert an account whose home is this region.

        Raises:
            EmailTaken: an account has this address.
        """
        identity = Identity(
            id=new_id("usr"),
            email=email,
            display_name=display_name,
            password_hash=password_hash,
            roles=list(roles),
            home_region=self.region,
            status=status,
        )
        if not await self.unit.identities.insert_unless_taken(identity):
            raise EmailTaken
        await self.unit.audit.record(
            "identity.registered", identity.id, identity.id, roles="+".join(roles)
        )
        _log.info("identity_registered", user_id=identity.id)
        return identity

    async def register_unseen(
        self, email: str, display_name: str, password_hash: str, *, mailed: bool
    ) -> None:
        """Create an account that opens with what is mailed to its address, or tell the owner of the one that has it.

        Of several registrations that wait for their mail the newest counts. Whoever asks cannot tell what happened. Unless
        it is `mailed`, nothing is sent to an address that has an account: the mail before opens it, with this password.
        """
        try:
            identity = await self._create(email, display_name, password_hash, (CUSTOMER,), PENDING)
            await ask_to_prove(self.unit, identity.id, version=1)
        except EmailTaken:
            owner = await self.unit.identities.find_by_email_locked(email)
            if owner is not None and owner.status == PENDING and owner.never_open:
                await self._register_anew(owner, display_name, password_hash, mailed=mailed)
            elif owner is not None and mailed:
                await self.unit.tell(owner.id, "registration_attempted", by=ANONYMOUS)

    async def _register_anew(
        self, pending: Identity, display_name: str, password_hash: str, *, mailed: bool
    ) -> None:
        """Let only what came last open with the mail: nobody was ever let in, and anybody may have registered it."""
        await self.unit.identities.rename(pending.id, display_name)
        await self.unit.identities.set_password(pending.id, password_hash)
        if mailed:
            await self.unit.mail_requests.end_all(pending.id, MailPurpose.VERIFY_EMAIL)
            version = await self.unit.identities.next_version(pending.id)
            await ask_to_prove(self.unit, pending.id, version)
        await self.unit.audit.record("identity.registered_anew", ANONYMOUS, pending.id)

    async def get_identity(self, user_id: str) -> Identity:
        """Return an identity.

        Raises:
            IdentityNotFound: nobody has this id.
        """
        identity = await self.unit.identities.find(user_id)
        if identity is None:
            raise IdentityNotFound
        return identity

    async def ensure_admin(
        self, email: str, display_name: str, password: str, passwords: Passwords
    ) -> str:
        """Make sure that an administrator with this address and password exists; return the id.

        Running it again changes nothing. Another password replaces the old one, ends every session and takes off every
        second factor; so does making an administrator of an account that was none, for a stranger may have registered
        the address first. The operator vouches for the address.

        Raises:
            ValueError: the owner of the account wants to be forgotten.
        """
        identity = await self.unit.identities.find_by_email_locked(email)
        if identity is None:
            return await self._create_admin(email, display_name, await passwords.hash(password))
        if identity.status == CLOSED:
            raise ValueError("is of somebody who asked to be forgotten: take another address")
        known = _Known(
            password=await passwords.matches(password, identity.password_hash),
            roles=set(_ADMINISTRATORS) <= set(identity.roles),
        )
        if not (known.password and known.roles and identity.status == ACTIVE):
            if identity.never_open:
                await self.unit.identities.rename(identity.id, display_name)
            await self._hand_over(identity, await passwords.hash(password), known)
        return identity.id

    async def _create_admin(self, email: str, display_name: str, password_hash: str) -> str:
        identity = await self._create(email, display_name, password_hash, _ADMINISTRATORS, ACTIVE)
        await announce(self.unit, identity, version=1)
        await self.unit.identities.verify_email(identity.id)
        return identity.id

    async def _hand_over(self, identity: Identity, password_hash: str, known: _Known) -> None:
        """Leave nothing in an operator's account that somebody else may have put there."""
        user_id, had_factor = identity.id, identity.second_factor
        await prove_address(self.unit, identity, by=SYSTEM)
        await self.unit.identities.reset(user_id, password_hash, _ADMINISTRATORS)
        await end_everything(self.unit, user_id, "admin_reset")
        if not (known.password and known.roles):
            await self.unit.factors.remove_all(user_id)
            if had_factor:
                await last_factor(self.unit, user_id)
        if not known.password:
            await self.unit.tell(user_id, "password_changed", by=SYSTEM)
        if not known.roles:
            await self.unit.tell(user_id, "roles_changed", by=SYSTEM)
        await self.unit.audit.record(
            "identity.admin_reset",
            SYSTEM,
            user_id,
            roles="+".join(_ADMINISTRATORS),
            password=not known.password,
        )

    async def ensure_app(self, user_id: str, secret: str) -> None:
        """Make sure that the account has an authenticator app with this secret, on a machine where everybody may know it.

        Running it again changes nothing; another secret replaces the old one and ends every session.
        """
        factors = self.unit.factors
        app = await factors.totp_locked(user_id)
        if app is not None and app.confirmed_at is not None and app.secret == secret:
            return
        await factors.remove_totp(user_id)
        await factors.put_totp(user_id, secret)
        await factors.use_totp(user_id, step=0)
        await self.unit.identities.set_second_factor(user_id, enrolled=True)
        await end_everything(self.unit, user_id, "mfa_changed")
        await self.unit.tell(user_id, "totp_added", by=SYSTEM)
