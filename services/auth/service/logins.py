"""Logging in with a password: throttled without lockout, alike for known and unknown accounts."""

from dataclasses import dataclass

from libs.audit.origin import origin_var
from libs.audit.refusals import Refusal, Refusals
from libs.cache.sessions import SessionStore
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from services.auth.domain.accounts import ACTIVE, ADMIN
from services.auth.domain.challenges import ChallengePurpose
from services.auth.domain.passwords import composed
from services.auth.domain.proofs import PASSWORD
from services.auth.errors import InvalidCredentials
from services.auth.errors.proofs import SecondFactorRequired
from services.auth.models import Identity
from services.auth.repository import Unit, Units
from services.auth.service.clients import Client, network_hash
from services.auth.service.holding import held_as_judged
from services.auth.service.minting import IssuedTokens, new_opaque_token
from services.auth.service.passwords import Passwords
from services.auth.service.session_start import Begun, SessionStart
from services.auth.service.throttle import Throttle

_log = get_logger(__name__)
_logins = counter("auth_logins", unit="{login}", description="Logins by outcome.")


@dataclass(frozen=True)
class LoginService:
    """Turns credentials into tokens. Holds no transaction open while the password is checked."""

    units: Units
    sessions: SessionStore
    passwords: Passwords
    start: SessionStart
    throttle: Throttle
    refusals: Refusals

    async def login(self, email: str, password: str, client: Client) -> IssuedTokens:
        """Check the credentials and start a session, unless the account was changed while they were checked.

        Raises:
            InvalidCredentials: whatever is wrong with them.
            SecondFactorRequired: they are right, and the account asks for more.
            RateLimited: too many attempts.
            SessionStoreUnavailable: Redis is away; asked first, so that the answer tells nothing about the password.
            PasswordChecksBusy: too many logins at once.
        """
        judged = await self.judge(email, password, client)
        async with self.units.begin() as unit:
            outcome: Begun | SecondFactorRequired
            identity = await held_as_judged(unit, judged)
            if identity is None:
                raise self._refused(judged)
            if identity.second_factor:
                outcome = await self._ask_for_more(unit, identity)
            else:
                outcome = await self.start.begin(unit, identity, client, PASSWORD)
        if isinstance(outcome, SecondFactorRequired):
            _logins.add(1, {"outcome": "second_factor_asked"})
            raise outcome
        issued = await self.start.hand_out(outcome)
        _logins.add(1, {"outcome": "ok"})
        return issued

    async def judge(self, email: str, password: str, client: Client) -> Identity:
        """Return whose address and password these are; the one place where a password opens a session.

        Raises:
            InvalidCredentials: whatever is wrong with them.
            RateLimited: too many attempts.
            SessionStoreUnavailable: Redis is away.
            PasswordChecksBusy: too many logins at once.
        """
        password = composed(password)
        await self.throttle.login(client)
        await self.sessions.check()
        identity, known = await self._find(email, client)
        administrator = identity is not None and ADMIN in identity.roles
        known_network = client.network if known else None
        guess = await self.throttle.guess(email, known_network, administrator=administrator)
        right = await self.passwords.matches(
            password, None if identity is None else identity.password_hash
        )
        if identity is None or not right or identity.status != ACTIVE:
            raise self._refused(identity)
        await self.throttle.forgive(guess)
        await self._hash_anew(identity, password)
        return identity

    async def _find(self, email: str, client: Client) -> tuple[Identity | None, bool]:
        """Both questions are always asked, so that an unknown account takes as long."""
        seen_from = network_hash(self.start.address_secret, client)
        async with self.units.begin() as unit:
            identity = await unit.identities.find_by_email(email)
            user_id = "" if identity is None else identity.id
            return identity, await unit.families.knows_address(user_id, seen_from)

    async def _hash_anew(self, identity: Identity, password: str) -> None:
        """Keep the password under newer parameters; if somebody was quicker, see whether theirs is the same."""
        if not self.passwords.is_outdated(identity.password_hash):
            return
        rehashed = await self.passwords.hash(password)
        async with self.units.begin() as unit:
            await unit.identities.replace_password_hash(
                identity.id, identity.password_hash, rehashed
            )
            kept = await unit.identities.find(identity.id)
        if kept is not None and await self.passwords.matches(password, kept.password_hash):
            identity.password_hash = kept.password_hash

    async def _ask_for_more(self, unit: Unit, identity: Identity) -> SecondFactorRequired:
        token, token_hash = new_opaque_token()
        await unit.challenges.add(token_hash, ChallengePurpose.SECOND_STEP, identity.id)
        return SecondFactorRequired(token, await unit.factors.methods_of(identity.id))

    def _refused(self, identity: Identity | None) -> InvalidCredentials:
        """Have the refusal recorded: counted, for a flood of guesses must not fill the audit log."""
        _logins.add(1, {"outcome": "refused"})
        _log.info("login_refused")
        account = "unknown" if identity is None else identity.id
        code = InvalidCredentials.code
        self.refusals.note(Refusal(account, code, action="login.refused", origin=origin_var.get()))
        return InvalidCredentials()
