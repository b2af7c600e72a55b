"""Accounts: registering, looking up, and the administrator's first one."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.audit.log import ANONYMOUS, SYSTEM
from libs.ids import new_id
from libs.observability.logging import get_logger
from services.auth.domain.accounts import ACTIVE, ADMIN, CLOSED, CUSTOMER, PENDING
from services.auth.domain.mail_requests import MailPurpose
from services.auth.errors import EmailTaken, IdentityNotFound
from services.auth.models import Identity
from services.auth.repository import Unit
from services.auth.service.opening import announce, ask_to_prove
from services.auth.service.passwords import Passwords

_log = get_logger(__name__)


@dataclass(frozen=True)
class AccountService:
    """Accounts within one transaction."""

    unit: Unit
    region: str

    async def register(
        self,
        email: str,
        display_name: str,
        password_hash: str,
        roles: Sequence[str] = (CUSTOMER,),
    ) -> str:
        """Create an account that is open at once and tell the others, who also have its address verified; return its id.

        The password comes hashed, so that no transaction is open while that takes its time.

        Raises:
            EmailTaken: an account has this address.
        """
        identity = await self._create(email, display_name, password_hash, roles, ACTIVE)
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

    async def register_unseen(self, email: str, display_name: str, password_hash: str) -> None:
        """Create an account that opens with what is mailed to its address, or tell the owner of the one that has it.

        Of several registrations that wait for their mail the newest counts. Whoever asks cannot tell what happened.
        """
        try:
            identity = await self._create(email, display_name, password_hash, (CUSTOMER,), PENDING)
            await ask_to_prove(self.unit, identity.id, version=1)
        except EmailTaken:
            owner = await self.unit.identities.find_by_email_locked(email)
            if owner is not None and owner.status == PENDING and owner.never_open:
                await self._register_anew(owner, display_name, password_hash)
            elif owner is not None:
                await self.unit.tell(owner.id, "registration_attempted", by=ANONYMOUS)

    async def _register_anew(
        self, pending: Identity, display_name: str, password_hash: str
    ) -> None:
        """Let only what came last open with the mail: nobody was ever let in, and anybody may have registered it."""
        await self.unit.identities.rename(pending.id, display_name)
        await self.unit.identities.set_password(pending.id, password_hash)
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

        Running it again changes nothing; another password replaces the old one and ends every session.

        Raises:
            ValueError: the owner of the account wants to be forgotten.
        """
        identity = await self.unit.identities.find_by_email_locked(email)
        roles = (CUSTOMER, ADMIN)
        if identity is None:
            return await self.register(email, display_name, await passwords.hash(password), roles)
        if identity.status == CLOSED:
            raise ValueError("is of somebody who asked to be forgotten: take another address")
        same_password = await passwords.matches(password, identity.password_hash)
        if same_password and set(roles) <= set(identity.roles) and identity.status == ACTIVE:
            return identity.id
        await self.unit.identities.reset(identity.id, await passwords.hash(password), roles)
        await self.unit.families.revoke(identity.id, "admin_reset")
        await self.unit.audit.record(
            "identity.admin_reset",
            SYSTEM,
            identity.id,
            roles="+".join(roles),
            password=not same_password,
        )
        return identity.id
