"""Logging in beyond the password: the second step, and passkeys that need no password at all."""

import secrets
from dataclasses import dataclass
from typing import Any, Final

from libs.audit.origin import origin_var
from libs.audit.refusals import Refusal, Refusals
from libs.cache.sessions import SessionStore
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from services.auth.domain.accounts import ACTIVE
from services.auth.domain.challenges import ChallengePurpose
from services.auth.domain.proofs import PASSKEY
from services.auth.errors import WrongProof
from services.auth.errors.proofs import InvalidMfaToken
from services.auth.repository import Unit, Units
from services.auth.service.clients import Client, network_hash
from services.auth.service.factor_judge import FactorJudge, Shown, hash_of_challenge
from services.auth.service.minting import IssuedTokens, hash_of
from services.auth.service.relying_party import Credential
from services.auth.service.session_start import Begun, SessionStart
from services.auth.service.throttle import Throttle

CHALLENGE_BYTES: Final = 32

_log = get_logger(__name__)
_steps = counter("auth_second_steps", unit="{step}", description="Second steps by outcome.")


@dataclass(frozen=True)
class SecondStep:
    """Finishes logins that a password began, and does whole ones with a passkey."""

    units: Units
    sessions: SessionStore
    judge: FactorJudge
    start: SessionStart
    throttle: Throttle
    refusals: Refusals

    async def finish(self, mfa_token: str, shown: Shown, client: Client) -> IssuedTokens:
        """Start the session that the password was right for.

        Raises:
            InvalidMfaToken: the token is unknown, used, too old, or had too many wrong answers.
            WrongProof: the second factor is wrong; the token may be tried again, a few times.
            RateLimited: too many attempts.
            SessionStoreUnavailable: Redis is away.
        """
        await self.throttle.login(client)
        await self.sessions.check()
        user_id = await self._whose(mfa_token)
        guess = await self.throttle.prove(user_id, await self._known_by(user_id, client))
        async with self.units.begin() as unit:
            begun = await self._finish(unit, user_id, mfa_token, shown, client)
        _steps.add(1, {"outcome": "refused" if begun is None else "ok"})
        if begun is None:
            raise self._refused(user_id)
        await self.throttle.forgive(guess)
        return await self.start.hand_out(begun)

    async def passkey_options(self, mfa_token: str | None, client: Client) -> dict[str, Any]:
        """Return what a browser needs to use a passkey: one of the account's, or any it has for us.

        Raises:
            InvalidMfaToken: the token is unknown, used or too old.
            RateLimited: too many attempts.
        """
        await self.throttle.login(client)
        user_id = None if mfa_token is None else await self._whose(mfa_token)
        return await self.options_for(user_id)

    async def options_for(self, user_id: str | None) -> dict[str, Any]:
        """Put a challenge to a user's passkeys, or to whoever it may be."""
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        anybody = user_id is None
        purpose = ChallengePurpose.PASSKEY_LOGIN if anybody else ChallengePurpose.PASSKEY_PROOF
        async with self.units.begin() as unit:
            await unit.challenges.add(hash_of_challenge(challenge), purpose, user_id)
            passkeys = [] if user_id is None else await unit.factors.passkeys_of(user_id)
        known = [passkey.credential_id for passkey in passkeys]
        return self.judge.relying_party.authentication_options(challenge, known)

    async def log_in_with_passkey(self, credential: Credential, client: Client) -> IssuedTokens:
        """Start a session for whom the passkey names; its device must have asked for a PIN or a finger.

        Raises:
            WrongProof: whatever is wrong with it.
            RateLimited: too many attempts.
            SessionStoreUnavailable: Redis is away.
        """
        await self.throttle.login(client)
        await self.sessions.check()
        async with self.units.begin() as unit:
            begun = await self._begin_with_passkey(unit, credential, client)
        if begun is None:
            _log.info("passkey_login_refused")
            raise WrongProof
        return await self.start.hand_out(begun)

    async def _known_by(self, user_id: str, client: Client) -> str:
        seen_from = network_hash(self.start.address_secret, client)
        async with self.units.begin() as unit:
            known = await unit.families.knows_address(user_id, seen_from)
        return client.network if known else ""

    async def _whose(self, mfa_token: str) -> str:
        async with self.units.begin() as unit:
            challenge = await unit.challenges.second_step_locked(hash_of(mfa_token))
        if challenge is None or challenge.user_id is None:
            raise InvalidMfaToken
        return challenge.user_id

    async def _finish(
        self, unit: Unit, user_id: str, mfa_token: str, shown: Shown, client: Client
    ) -> Begun | None:
        """Turn the token into a session if the proof is good, else count the failure; uses of one token queue up here."""
        identity = await unit.identities.find_locked(user_id)
        challenge = await unit.challenges.second_step_locked(hash_of(mfa_token))
        if identity is None or identity.status != ACTIVE or challenge is None:
            raise InvalidMfaToken
        proof = await self.judge.judge(unit, user_id, shown)
        if proof is None:
            await unit.challenges.count_failure(challenge.challenge_hash)
            return None
        await unit.challenges.take(challenge.challenge_hash, ChallengePurpose.SECOND_STEP, user_id)
        return await self.start.begin(unit, identity, client, proof)

    async def _begin_with_passkey(
        self, unit: Unit, credential: Credential, client: Client
    ) -> Begun | None:
        owner = await self.judge.owner_of(unit, credential)
        identity = None if owner is None else await unit.identities.find_locked(owner)
        judged = await self.judge.judge_passkey(
            unit, credential, ChallengePurpose.PASSKEY_LOGIN, None
        )
        if identity is None or identity.status != ACTIVE or judged is None:
            return None
        passkey, proof = judged
        if passkey.user_id != identity.id or proof != PASSKEY:
            return None
        return await self.start.begin(unit, identity, client, proof)

    def _refused(self, user_id: str) -> WrongProof:
        """Have it recorded whose password somebody knows who cannot show the second factor."""
        _log.info("second_step_refused", user_id=user_id)
        code, action = WrongProof.code, "second_factor.refused"
        self.refusals.note(Refusal(user_id, code, action=action, origin=origin_var.get()))
        return WrongProof()
