"""Logging in: throttled without lockout, alike for known and unknown accounts."""

import hashlib
import hmac
from dataclasses import dataclass

from libs.audit.log import AuditLog
from libs.audit.origin import origin_var
from libs.audit.refusals import Refusal, Refusals
from libs.cache.rate_limit import Policy, RateLimiter
from libs.cache.sessions import SessionStore
from libs.database.session import Database
from libs.errors import DomainError
from libs.ids import new_id
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from libs.security.errors import RateLimited
from services.auth.domain.accounts import composed
from services.auth.domain.families import SESSION_IDLE_LIMIT
from services.auth.errors import InvalidCredentials
from services.auth.models import Identity
from services.auth.repository import FamilyRepository, IdentityRepository, NewLogin
from services.auth.service.minting import (
    FIRST_PARTY_CLIENT,
    AccessTokens,
    IssuedTokens,
    new_opaque_token,
)
from services.auth.service.passwords import Passwords
from services.auth.service.sessions import record_of

_log = get_logger(__name__)
_logins = counter("auth_logins", unit="{login}", description="Logins by outcome.")


@dataclass(frozen=True)
class Client:
    """Where a login comes from; personal data, so it is stored hashed and never logged."""

    address: str
    user_agent: str


@dataclass(frozen=True)
class Throttle:
    """How often one may try: an address by the minute, an account by its failures in five minutes.

    An account is never locked: from an address it was used from before, failures of strangers do not count.
    """

    limiter: RateLimiter
    per_address: Policy
    registrations: Policy
    per_account: Policy

    async def register(self, client: Client) -> None:
        """Count an attempt to register.

        Raises:
            RateLimited: the address registered too many accounts.
        """
        await self._spend(f"register:{client.address}", self.registrations)

    async def login(self, client: Client) -> None:
        """Count an attempt to log in from an address.

        Raises:
            RateLimited: the address tried too often.
        """
        await self._spend(f"login:{client.address}", self.per_address)

    async def guess(self, email: str, known_address: str | None) -> str:
        """Count a possible failure for the account; return the key to give it back with.

        Raises:
            RateLimited: too many wrong passwords for this account.
        """
        key = f"account:{email}:{known_address or ''}"
        await self._spend(key, self.per_account)
        return key

    async def forgive(self, key: str) -> None:
        """Take back a guess that turned out right."""
        await self.limiter.give_back(key, self.per_account)

    async def prove(self, user_id: str) -> str:
        """Count a possible failure of somebody logged in to prove who they are; return the key to give it back with.

        Only whoever holds a session can spend this allowance, so nobody is locked out by strangers.

        Raises:
            RateLimited: too many wrong proofs for this account.
        """
        key = f"proof:{user_id}"
        await self._spend(key, self.per_account)
        return key

    async def _spend(self, key: str, policy: Policy) -> None:
        decision = await self.limiter.take(key, policy)
        if not decision.allowed:
            raise RateLimited(max(1, decision.reset_seconds))


@dataclass(frozen=True)
class LoginService:
    """Turns credentials into tokens. Holds no transaction open while the password is checked."""

    database: Database
    sessions: SessionStore
    passwords: Passwords
    tokens: AccessTokens
    throttle: Throttle
    address_secret: bytes
    refusals: Refusals

    async def login(self, email: str, password: str, client: Client) -> IssuedTokens:
        """Check the credentials and start a session.

        Raises:
            InvalidCredentials: whatever is wrong with them.
            RateLimited: too many attempts.
            SessionStoreUnavailable: Redis is away; asked first, so that the answer tells nothing about the password.
            PasswordChecksBusy: too many logins at once.
        """
        password = composed(password)
        await self.throttle.login(client)
        await self.sessions.check()
        address_hash = self._address_hash(client)
        identity, known = await self._find(email, address_hash)
        guess = await self.throttle.guess(email, client.address if known else None)
        right = await self.passwords.matches(
            password, None if identity is None else identity.password_hash
        )
        if identity is None or not right or identity.status != "active":
            _logins.add(1, {"outcome": "refused"})
            _log.info("login_refused")
            self._note_refusal(None if identity is None else identity.id)
            raise InvalidCredentials
        await self.throttle.forgive(guess)
        issued = await self._start(identity, password, client, address_hash)
        _logins.add(1, {"outcome": "ok"})
        return issued

    async def _find(self, email: str, address_hash: bytes) -> tuple[Identity | None, bool]:
        """Both questions are always asked, so that an unknown account takes as long."""
        async with self.database.transaction() as session:
            identity = await IdentityRepository(session).find_by_email(email)
            user_id = "" if identity is None else identity.id
            known = await FamilyRepository(session).knows_address(user_id, address_hash)
            return identity, known

    async def _start(
        self, identity: Identity, password: str, client: Client, address_hash: bytes
    ) -> IssuedTokens:
        rehashed = None
        if self.passwords.is_outdated(identity.password_hash):
            rehashed = await self.passwords.hash(password)
        refresh_token, token_hash = new_opaque_token()
        login = NewLogin(
            id=new_id("fam"),
            session_id=new_id("ses"),
            user_id=identity.id,
            home_region=identity.home_region,
            client_id=FIRST_PARTY_CLIENT,
            user_agent=client.user_agent,
            address_hash=address_hash,
        )
        async with self.database.transaction() as session:
            family = await FamilyRepository(session).start(login, token_hash)
            await AuditLog(session).record("session.started", identity.id, family.session_id)
            if rehashed is not None:
                await IdentityRepository(session).replace_password_hash(
                    identity.id, identity.password_hash, rehashed
                )
        try:
            access_token = await self.tokens.mint(identity, family)
            await self.sessions.put(
                family.session_id,
                record_of(family),
                int(SESSION_IDLE_LIMIT.total_seconds()),
                family.expires_at,
            )
        except DomainError:  # nobody gets these tokens, so the login must not show in the list
            async with self.database.transaction() as session:
                await FamilyRepository(session).revoke(
                    identity.id, "not_delivered", session_id=family.session_id
                )
            raise
        _log.info("logged_in", user_id=identity.id, session_id=family.session_id)
        return IssuedTokens(access_token, refresh_token, family.session_id)

    def _note_refusal(self, user_id: str | None) -> None:
        """Have the refusal recorded: counted, for a flood of guesses must not fill the audit log."""
        account = user_id or "unknown"
        self.refusals.note(
            Refusal(
                account, InvalidCredentials.code, action="login.refused", origin=origin_var.get()
            )
        )

    def _address_hash(self, client: Client) -> bytes:
        return hmac.new(self.address_secret, client.address.encode(), hashlib.sha256).digest()
