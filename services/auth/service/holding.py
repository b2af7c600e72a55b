"""Accounts held while something is done with them: what was judged without holding them has to be true still."""

from libs.security.errors import SessionEnded
from libs.security.principal import Principal
from services.auth.domain.accounts import ACTIVE
from services.auth.models import Identity
from services.auth.repository import Unit


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


def _what_decides(identity: Identity) -> tuple[object, ...]:
    return identity.status, identity.password_hash, identity.second_factor, identity.roles
