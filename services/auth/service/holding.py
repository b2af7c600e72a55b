"""Accounts held while something is done with them: what was judged without holding them has to be true still."""

from libs.security.errors import SessionEnded
from libs.security.principal import Principal
from services.auth.domain.accounts import ACTIVE, SHUT
from services.auth.domain.mail_requests import MailPurpose
from services.auth.errors.proofs import InvalidMailToken
from services.auth.models import Identity
from services.auth.repository import Unit
from services.auth.service.minting import hash_of


async def held_as_judged(unit: Unit, judged: Identity) -> Identity | None:
    """Hold the account; None if what decides over logging in has changed since it was judged."""
    identity = await unit.identities.find_locked(judged.id)
    unchanged = identity is not None and _what_decides(identity) == _what_decides(judged)
    return identity if unchanged else None


async def held_for(unit: Unit, caller: Principal) -> Identity:
    """Hold the account of whoever calls.

    Raises:
        SessionEnded: the session was ended, or the account closed, since the request was let in.
    """
    identity = await unit.identities.find_locked(caller.subject)
    live = await unit.families.is_live(caller.session_id or "")
    if identity is None or identity.status != ACTIVE or not live:
        raise SessionEnded
    return identity


async def held_by_mail(unit: Unit, token: str, purpose: MailPurpose) -> tuple[Identity, str]:
    """Hold the account that a mailed token is for, then the request; return also the address the mail went to.

    Raises:
        InvalidMailToken: unknown, used or too old, or nobody is let into the account.
    """
    request = await unit.mail_requests.find_by_token_locked(hash_of(token), purpose)
    if request is None or request.user_id is None:
        raise InvalidMailToken
    identity = await unit.identities.find_locked(request.user_id)
    if identity is None or identity.status in SHUT:
        raise InvalidMailToken
    return identity, request.email or identity.email


def _what_decides(identity: Identity) -> tuple[object, ...]:
    return identity.status, identity.password_hash, identity.second_factor, identity.roles
