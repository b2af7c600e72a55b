"""Accounts opened: from then on somebody can log in, and the other services know of them."""

from libs.contracts.auth import EmailVerificationRequested, IdentityRegistered
from services.auth.domain.mail_requests import MailPurpose
from services.auth.models import Identity
from services.auth.repository import Unit


async def ask_to_prove(unit: Unit, user_id: str, version: int) -> None:
    """Have a mail sent to the account's address, with a token that shows who reads it."""
    request_id = await unit.mail_requests.add(user_id, MailPurpose.VERIFY_EMAIL)
    event = EmailVerificationRequested(user_id=user_id, request_id=request_id)
    await unit.outbox.add(event, aggregate_version=version)


async def prove_address(unit: Unit, identity: Identity, *, by: str | None = None) -> None:
    """Believe that the owner of an account that is held reads mail to its address, and open it if it waits for that.

    Of an account that waits this takes more than the mail: its password, or a new one that replaces it. Otherwise the
    owner of the address opens what a stranger registered, with the stranger's password.

    Args:
        unit: what commits together.
        identity: the account, held.
        by: who vouches for the address, if the owner did not answer a mail.
    """
    proves, opens = identity.email_verified_at is None, identity.never_open
    await unit.identities.verify_email(identity.id)
    await unit.mail_requests.end_all(identity.id, MailPurpose.VERIFY_EMAIL)
    if proves:
        await unit.audit.record("identity.email_verified", by or identity.id, identity.id)
    if opens:
        await announce(unit, identity, await unit.identities.next_version(identity.id))
        await unit.audit.record("identity.opened", by or identity.id, identity.id)


async def announce(unit: Unit, identity: Identity, version: int) -> None:
    """Tell the other services that somebody can log in now."""
    event = IdentityRegistered(user_id=identity.id, home_region=identity.home_region)
    await unit.outbox.add(event, aggregate_version=version)
