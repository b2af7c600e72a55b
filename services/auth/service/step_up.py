"""Proving once more who one is, before something that cannot be undone (RFC 9470)."""

from dataclasses import dataclass

from libs.cache.sessions import SessionStore
from libs.database.session import Database
from libs.observability.logging import get_logger
from libs.security.errors import SessionEnded
from libs.security.principal import Principal
from services.auth.domain.accounts import composed
from services.auth.domain.families import SESSION_IDLE_LIMIT
from services.auth.domain.proofs import PASSWORD, Proof
from services.auth.errors import WrongProof
from services.auth.models import Identity, RefreshFamily
from services.auth.repository import FamilyRepository, IdentityRepository
from services.auth.service.logins import Throttle
from services.auth.service.minting import AccessTokens
from services.auth.service.passwords import Passwords
from services.auth.service.sessions import record_of

_log = get_logger(__name__)


@dataclass(frozen=True)
class StepUpService:
    """Renews what a session may claim about its owner."""

    database: Database
    sessions: SessionStore
    passwords: Passwords
    tokens: AccessTokens
    throttle: Throttle

    async def by_password(self, caller: Principal, password: str) -> str:
        """Return an access token that says the caller has just shown the password.

        Raises:
            WrongProof: it is not the password.
            RateLimited: too many wrong ones.
            SessionEnded: the session is over.
            SessionStoreUnavailable: Redis is away.
            PasswordChecksBusy: too many passwords at once.
        """
        identity = await self._identity(caller)
        guess = await self.throttle.prove(identity.id)
        if not await self.passwords.matches(composed(password), identity.password_hash):
            _log.info("step_up_refused", user_id=identity.id)
            raise WrongProof
        await self.throttle.forgive(guess)
        return await self._renew(identity, caller, PASSWORD)

    async def _identity(self, caller: Principal) -> Identity:
        async with self.database.transaction() as session:
            identity = await IdentityRepository(session).find(caller.subject)
        if identity is None or identity.status != "active":
            raise SessionEnded
        return identity

    async def _renew(self, identity: Identity, caller: Principal, proof: Proof) -> str:
        async with self.database.transaction() as session:
            family = await FamilyRepository(session).prove_again(
                identity.id, caller.session_id or "", proof
            )
        if family is None:
            raise SessionEnded
        await self._record(family)
        _log.info("stepped_up", user_id=identity.id, session_id=family.session_id)
        return await self.tokens.mint(identity, family)

    async def _record(self, family: RefreshFamily) -> None:
        await self.sessions.put(
            family.session_id,
            record_of(family),
            int(SESSION_IDLE_LIMIT.total_seconds()),
            family.expires_at,
        )
