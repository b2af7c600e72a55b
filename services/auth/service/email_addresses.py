"""Addresses proved and changed: nothing is believed before a token that was mailed there comes back."""

from dataclasses import dataclass

from libs.audit.log import ANONYMOUS
from libs.contracts.auth import EmailChangeRequested, IdentityForgotten
from libs.observability.logging import get_logger
from libs.security.principal import Principal
from services.auth.domain.accounts import PENDING
from services.auth.domain.mail_requests import MailPurpose
from services.auth.domain.passwords import composed
from services.auth.errors import IdentityNotFound, WrongProof
from services.auth.errors.proofs import InvalidMailToken, PasswordRequired
from services.auth.models import Identity
from services.auth.repository import Unit, Units
from services.auth.service.clients import Client
from services.auth.service.holding import held_as_judged, held_by_mail, held_for
from services.auth.service.opening import ask_to_prove, prove_address
from services.auth.service.passwords import Passwords
from services.auth.service.throttle import Throttle

_log = get_logger(__name__)


@dataclass(frozen=True)
class EmailAddresses:
    """Verifies and changes the addresses of accounts. No transaction is open while a password is checked."""

    units: Units
    passwords: Passwords
    throttle: Throttle

    async def ask_for_verification(self, user_id: str) -> None:
        """Have the verification mail sent again.

        Raises:
            IdentityNotFound: nobody has this id.
            RateLimited: asked too often.
        """
        async with self.units.begin() as unit:
            identity = await unit.identities.find(user_id)
        if identity is None:
            raise IdentityNotFound
        await self.throttle.mail(identity.email)
        async with self.units.begin() as unit:
            await ask_to_prove(unit, user_id, await unit.identities.next_version(user_id))

    async def verify(self, token: str, password: str | None, client: Client) -> None:
        """Believe that the account's address is its owner's; one that waits for that opens, to whoever registered it.

        Raises:
            InvalidMailToken: unknown, used or too old, or the account was changed meanwhile.
            PasswordRequired: the account waits to be opened; the token still works.
            WrongProof: the password is not the one it was registered with; the token still works.
            RateLimited: the client tried too often, or there were too many wrong passwords.
            PasswordChecksBusy: too many passwords at once.
        """
        await self.throttle.login(client)
        async with self.units.begin() as unit:
            judged, _ = await held_by_mail(unit, token, MailPurpose.VERIFY_EMAIL)
        if judged.status == PENDING:
            await self._check_password(judged, password)
        async with self.units.begin() as unit:
            await held_by_mail(unit, token, MailPurpose.VERIFY_EMAIL)
            identity = await held_as_judged(unit, judged)
            if identity is None:
                raise InvalidMailToken
            await prove_address(unit, identity)
        _log.info("email_verified", user_id=judged.id)

    async def _check_password(self, pending: Identity, password: str | None) -> None:
        if password is None:
            raise PasswordRequired
        guess = await self.throttle.prove(pending.id)
        if not await self.passwords.matches(composed(password), pending.password_hash):
            raise WrongProof
        await self.throttle.forgive(guess)

    async def ask_for_change(self, caller: Principal, email: str) -> None:
        """Have a mail sent to the new address; to nobody, with the same traces, if an account has it already.

        Raises:
            RateLimited: mails to this address were asked for too often.
            SessionEnded: the session was ended meanwhile.
        """
        await self.throttle.mail(email)
        async with self.units.begin() as unit:
            user_id = (await held_for(unit, caller)).id
            holder = await unit.identities.find_by_email(email)
            taken = holder is not None and not (holder.status == PENDING and holder.never_open)
            version = await unit.identities.next_version(user_id)
            await unit.mail_requests.end_all(user_id, MailPurpose.CHANGE_EMAIL)
            if taken:
                await unit.mail_requests.add_for_nobody(MailPurpose.CHANGE_EMAIL)
            else:
                request_id = await unit.mail_requests.add(user_id, MailPurpose.CHANGE_EMAIL, email)
                event = EmailChangeRequested(user_id=user_id, request_id=request_id)
                await unit.outbox.add(event, aggregate_version=version)
            await unit.audit.record("identity.email_change_requested", user_id, user_id)

    async def confirm_change(self, caller: Principal, token: str, client: Client) -> None:
        """Give the caller's account its new address and tell the old one; what was mailed to that opens nothing any more.

        Whoever reads mail there has to be in the account too: nobody gives their address away to a stranger's account by
        answering a mail, and a thief who is out has no wish fulfilled.

        Raises:
            InvalidMailToken: unknown, used or too old, another account's, or nobody is let into the account.
            SessionEnded: the session was ended meanwhile.
            EmailTaken: somebody registered the address meanwhile.
            RateLimited: the client tried too often.
        """
        await self.throttle.login(client)
        async with self.units.begin() as unit:
            identity, email = await held_by_mail(unit, token, MailPurpose.CHANGE_EMAIL)
            user_id, old = identity.id, identity.email
            if user_id != caller.subject:
                raise InvalidMailToken
            await held_for(unit, caller)
            await _make_room(unit, email)
            await unit.identities.change_email(user_id, email)
            await unit.mail_requests.end_all(
                user_id,
                MailPurpose.CHANGE_EMAIL,
                MailPurpose.RESET_PASSWORD,
                MailPurpose.VERIFY_EMAIL,
            )
            notice = await unit.mail_requests.add(user_id, MailPurpose.TELL_OLD_ADDRESS, old)
            await unit.tell(user_id, "email_changed", notice)
            await unit.tell(user_id, "email_changed")
        _log.info("email_changed", user_id=user_id)


async def _make_room(unit: Unit, email: str) -> None:
    """Forget who registered an address that somebody else has proved, if they never opened the account."""
    for user_id, version in (await unit.identities.remove_waiting(email)).items():
        event = IdentityForgotten(user_id=user_id)
        await unit.outbox.add(event, aggregate_version=version + 1)
        await unit.audit.record("identity.gave_way", ANONYMOUS, user_id)
