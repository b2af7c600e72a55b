"""Logging in beyond the password: the second step, and passkeys that need no password at all."""

import secrets
from dataclasses import dataclass
from typing import Any, Final

from libs.cache.sessions import SessionStore
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from services.auth.domain.accounts import ACTIVE
from services.auth.domain.challenges import ChallengePurpose
from services.auth.domain.proofs import PASSKEY, Proof
from services.auth.errors import WrongProof
from services.auth.errors.proofs import InvalidMfaToken
from services.auth.models import Identity
from services.auth.repository import Unit, Units
from services.auth.service.clients import Client
from services.auth.service.factor_judge import FactorJudge, Shown, hash_of_challenge
from services.auth.service.minting import IssuedTokens, hash_of
from services.auth.service.relying_party import Credential
from services.auth.service.session_start import SessionStart
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
        guess = await self.throttle.prove(user_id)
        async with self.units.begin() as unit:
            identity, proof = await self._judge(unit, mfa_token, shown)
        _steps.add(1, {"outcome": "refused" if proof is None else "ok"})
        if proof is None:
            _log.info("second_step_refused", user_id=user_id)
            raise WrongProof
        await self.throttle.forgive(guess)
        return await self.start.begin(identity, client, proof)

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
            judged = await self.judge.judge_passkey(
                unit, credential, ChallengePurpose.PASSKEY_LOGIN, None
            )
            identity = None if judged is None else await unit.identities.find(judged[0].user_id)
        proved = judged is not None and judged[1] == PASSKEY
        if identity is None or not proved or identity.status != ACTIVE:
            _log.info("passkey_login_refused")
            raise WrongProof
        return await self.start.begin(identity, client, PASSKEY)

    async def _whose(self, mfa_token: str) -> str:
        async with self.units.begin() as unit:
            challenge = await unit.challenges.second_step_locked(hash_of(mfa_token))
        if challenge is None or challenge.user_id is None:
            raise InvalidMfaToken
        return challenge.user_id

    async def _judge(
        self, unit: Unit, mfa_token: str, shown: Shown
    ) -> tuple[Identity, Proof | None]:
        """Use the token up if the proof is good, else count the failure; uses of one token queue up here."""
        challenge = await unit.challenges.second_step_locked(hash_of(mfa_token))
        if challenge is None or challenge.user_id is None:
            raise InvalidMfaToken
        identity = await unit.identities.find(challenge.user_id)
        if identity is None or identity.status != ACTIVE:
            raise InvalidMfaToken
        proof = await self.judge.judge(unit, identity.id, shown)
        if proof is None:
            await unit.challenges.count_failure(challenge.challenge_hash)
        else:
            await unit.challenges.take(
                challenge.challenge_hash, ChallengePurpose.SECOND_STEP, identity.id
            )
        return identity, proof
