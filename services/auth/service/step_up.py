"""Proving once more who one is, before something that cannot be undone (RFC 9470).

Only the access token that answers tells of it. The session itself stays as it began, so whoever has a copy of its cookie
or refresh token gains nothing from what its owner proves (ASVS 5.0, 7.2.4).
"""

from dataclasses import dataclass
from typing import Final

from libs.observability.logging import get_logger
from libs.security.dependencies import RECENTLY
from libs.security.errors import SessionEnded, StepUpRequired
from libs.security.principal import ACR_MFA, Principal
from services.auth.domain.accounts import ACTIVE
from services.auth.domain.passwords import composed
from services.auth.domain.proofs import PASSWORD, Proof
from services.auth.errors import WrongProof
from services.auth.models import Identity, RefreshFamily
from services.auth.repository import Unit, Units
from services.auth.service.factor_judge import FactorJudge, Shown
from services.auth.service.holding import held_as_judged, held_for
from services.auth.service.minting import AccessTokens
from services.auth.service.passwords import Passwords
from services.auth.service.throttle import Throttle

_MAX_AGE: Final = int(RECENTLY.total_seconds())

_log = get_logger(__name__)


@dataclass(frozen=True)
class StepUpService:
    """Gives access tokens that say what their owner has just shown."""

    units: Units
    passwords: Passwords
    judge: FactorJudge
    tokens: AccessTokens
    throttle: Throttle

    async def by_password(self, caller: Principal, password: str) -> str:
        """Return an access token that says the caller has just shown the password.

        Raises:
            StepUpRequired: the account has a second factor; only that will do.
            WrongProof: it is not the password.
            RateLimited: too many wrong ones.
            SessionEnded: the session is over.
            PasswordChecksBusy: too many passwords at once.
        """
        identity = await self._identity(caller)
        if identity.second_factor:
            raise StepUpRequired(_MAX_AGE, ACR_MFA)
        guess = await self.throttle.prove(identity.id, caller.session_id or "")
        right = await self.passwords.matches(composed(password), identity.password_hash)
        if not right:
            raise _refused(identity)
        await self.throttle.forgive(guess)
        async with self.units.begin() as unit:
            if await held_as_judged(unit, identity) is None:
                raise SessionEnded
            family = await _proved_again(unit, caller, PASSWORD)
        return await self._answer(identity, family, PASSWORD)

    async def by_second_factor(self, caller: Principal, shown: Shown) -> str:
        """Return an access token that says the caller has just shown a second factor.

        Raises:
            WrongProof: it proves nothing.
            RateLimited: too many wrong ones.
            SessionEnded: the session is over.
        """
        guess = await self.throttle.prove(caller.subject, caller.session_id or "")
        async with self.units.begin() as unit:
            identity = await held_for(unit, caller)
            proof = await self.judge.judge(unit, identity.id, shown)
            family = None if proof is None else await _proved_again(unit, caller, proof)
        if proof is None or family is None:
            raise _refused(identity)
        await self.throttle.forgive(guess)
        return await self._answer(identity, family, proof)

    async def _identity(self, caller: Principal) -> Identity:
        async with self.units.begin() as unit:
            identity = await unit.identities.find(caller.subject)
        if identity is None or identity.status != ACTIVE:
            raise SessionEnded
        return identity

    async def _answer(self, identity: Identity, family: RefreshFamily, proof: Proof) -> str:
        _log.info("stepped_up", user_id=identity.id, session_id=family.session_id, amr=proof.amr)
        return await self.tokens.mint(identity, family, just_shown=proof)


async def _proved_again(unit: Unit, caller: Principal, proof: Proof) -> RefreshFamily:
    """Raise SessionEnded if the session is over."""
    family = await unit.families.find_live(caller.subject, caller.session_id or "")
    if family is None:
        raise SessionEnded
    await unit.audit.record(
        "session.stepped_up", caller.subject, family.session_id, amr="+".join(proof.amr)
    )
    return family


def _refused(identity: Identity) -> WrongProof:
    _log.info("step_up_refused", user_id=identity.id)
    return WrongProof()
