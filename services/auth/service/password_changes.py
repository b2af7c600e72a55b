"""Passwords replaced: by their owner, or by whoever reads the account's mail."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.contracts.auth import PasswordResetRequested
from libs.observability.logging import get_logger
from libs.security.principal import Principal
from services.auth.domain.accounts import ADMIN, SHUT, provisional_name
from services.auth.domain.mail_requests import MailPurpose
from services.auth.domain.passwords import ADVICE, reason_against
from services.auth.errors import IdentityNotFound
from services.auth.errors.proofs import PasswordUnfit
from services.auth.repository import Unit, Units
from services.auth.service.clients import Client
from services.auth.service.ending import SessionEnding, end_everything
from services.auth.service.holding import held_by_mail, held_for
from services.auth.service.opening import prove_address
from services.auth.service.passwords import Passwords
from services.auth.service.second_factors import last_factor
from services.auth.service.throttle import Throttle

_log = get_logger(__name__)


@dataclass(frozen=True)
class PasswordChanges:
    """Replaces passwords. No transaction is open while one is hashed."""

    units: Units
    passwords: Passwords
    ending: SessionEnding
    throttle: Throttle

    async def ask_for_reset(self, email: str, client: Client) -> None:
        """Have a mail sent to whoever has this address; to nobody, with the same traces, if no account does.

        No other mail is sent while one of the last minutes lies there, so that nobody fills a mailbox.

        Raises:
            RateLimited: the client asked too often.
        """
        await self.throttle.login(client)
        if not await self.throttle.reset(email, client):
            return
        async with self.units.begin() as unit:
            identity = await unit.identities.find_by_email(email)
            if identity is None or identity.status in SHUT:
                await unit.mail_requests.add_for_nobody(MailPurpose.RESET_PASSWORD)
            else:
                request_id = await unit.mail_requests.add(identity.id, MailPurpose.RESET_PASSWORD)
                event = PasswordResetRequested(user_id=identity.id, request_id=request_id)
                version = await unit.identities.next_version(identity.id)
                await unit.outbox.add(event, aggregate_version=version)

    async def reset(self, token: str, password: str, client: Client) -> None:
        """Replace the password and end every session; what else the account asks for at login stays.

        Except for what was added before the address was proved: that may be a stranger's, who registered it first. An
        account that waits is opened, by this password and under a name of its address, until its owner changes that.

        Raises:
            InvalidMailToken: unknown, used or too old.
            PasswordUnfit: too easily guessed; the token still works.
            RateLimited: the client tried too often.
            PasswordChecksBusy: too many passwords at once.
            SessionStoreUnavailable: the password is replaced; the sessions' records live on until Redis is back.
        """
        await self.throttle.login(client)
        async with self.units.begin() as unit:
            identity, _ = await held_by_mail(unit, token, MailPurpose.RESET_PASSWORD)
        refuse_unfit(password, identity.email, identity.display_name)
        password_hash = await self.passwords.hash(password)
        async with self.units.begin() as unit:
            identity, _ = await held_by_mail(unit, token, MailPurpose.RESET_PASSWORD)
            if identity.never_open:  # whoever registered it may have been a stranger
                await unit.identities.rename(identity.id, provisional_name(identity.email))
            await prove_address(unit, identity)
            if ADMIN not in identity.roles:  # operators vouch for the addresses of staff
                await _remove_strange_factors(unit, identity.id)
            ended = await _replace(unit, identity.id, password_hash, "password_reset")
        _log.info("password_reset", user_id=identity.id)
        await self.throttle.forget_proofs(identity.id)
        await self.ending.forget_all_of(identity.id, ended)

    async def change(self, caller: Principal, password: str) -> None:
        """Replace the password of whoever has just proved who they are; every other session ends.

        Raises:
            PasswordUnfit: too easily guessed.
            SessionEnded: the session was ended meanwhile.
            PasswordChecksBusy: too many passwords at once.
            SessionStoreUnavailable: the password is replaced; the sessions' records live on until Redis is back.
        """
        async with self.units.begin() as unit:
            identity = await unit.identities.find(caller.subject)
        if identity is None:
            raise IdentityNotFound
        refuse_unfit(password, identity.email, identity.display_name)
        password_hash = await self.passwords.hash(password)
        async with self.units.begin() as unit:
            await held_for(unit, caller)
            ended = await _replace(
                unit, identity.id, password_hash, "password_changed", but=caller.session_id or ""
            )
        _log.info("password_changed", user_id=identity.id)
        await self.ending.forget(ended)


async def _replace(
    unit: Unit, user_id: str, password_hash: str, because: str, *, but: str | None = None
) -> Sequence[str]:
    """Nothing that was begun with the old password, or asked for under it, can be finished."""
    await unit.identities.set_password(user_id, password_hash)
    await unit.tell(user_id, "password_changed")
    return await end_everything(unit, user_id, because, but=but)


async def _remove_strange_factors(unit: Unit, user_id: str) -> None:
    if not await unit.factors.remove_added_before_proof(user_id):
        return
    await unit.factors.replace_recovery_codes(user_id, [])
    await unit.tell(user_id, "early_factors_removed")
    await last_factor(unit, user_id)


def refuse_unfit(password: str, *about_owner: str) -> None:
    """Refuse what attackers try first.

    Raises:
        PasswordUnfit: it says why and what to do.
    """
    unfit = reason_against(password, about_owner)
    if unfit is not None:
        raise PasswordUnfit(unfit.value, ADVICE[unfit])
