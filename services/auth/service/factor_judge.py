"""Judges a second factor that somebody shows, inside the transaction that uses it up."""

from dataclasses import dataclass

from libs.clock import Clock
from libs.observability.logging import get_logger
from services.auth.domain.challenges import ChallengePurpose
from services.auth.domain.proofs import (
    PASSKEY,
    PASSWORD_AND_CODE,
    PASSWORD_AND_PASSKEY,
    Proof,
)
from services.auth.domain.second_factors import bare_recovery_code, matching_step
from services.auth.models import Passkey
from services.auth.repository import Unit
from services.auth.service.minting import hash_of
from services.auth.service.relying_party import (
    Credential,
    PasskeyRefused,
    RelyingParty,
    challenge_in,
    credential_id_in,
)

_log = get_logger(__name__)


@dataclass(frozen=True)
class Shown:
    """What somebody shows: one of a code of an app, a recovery code and a passkey's answer."""

    code: str | None = None
    recovery_code: str | None = None
    passkey: Credential | None = None


@dataclass(frozen=True)
class FactorJudge:
    """Says what a second factor proves. Each works once: a code, a recovery code, a passkey's challenge."""

    relying_party: RelyingParty
    clock: Clock

    async def judge(self, unit: Unit, user_id: str, shown: Shown) -> Proof | None:
        """Return what was proved and use it up; None if it proves nothing."""
        if shown.code is not None:
            return await self.judge_code(unit, user_id, shown.code)
        if shown.recovery_code is not None:
            return await self._judge_recovery_code(unit, user_id, shown.recovery_code)
        if shown.passkey is None:
            return None
        passkey = await self.judge_passkey(
            unit, shown.passkey, ChallengePurpose.PASSKEY_PROOF, user_id
        )
        return None if passkey is None else passkey[1]

    async def judge_code(
        self, unit: Unit, user_id: str, code: str, *, enrolling: bool = False
    ) -> Proof | None:
        """Judge a code of an app, one that waits for its confirmation if `enrolling`."""
        totp = await unit.factors.totp_locked(user_id)
        if totp is None or (totp.confirmed_at is None) is not enrolling:
            return None
        step = matching_step(totp.secret, code, self.clock.now(), totp.last_step)
        if step is None:
            return None
        await unit.factors.use_totp(user_id, step)
        return PASSWORD_AND_CODE

    async def judge_passkey(
        self,
        unit: Unit,
        credential: Credential,
        purpose: ChallengePurpose,
        user_id: str | None,
    ) -> tuple[Passkey, Proof] | None:
        """Judge a passkey's answer to a challenge put for this purpose: to this user, or to whoever it was."""
        try:
            challenge = await answered_challenge(unit, credential, purpose, user_id)
            passkey = await _used_passkey(unit, credential, user_id)
            verified = self.relying_party.proved(
                credential, challenge, passkey.public_key, passkey.sign_count
            )
        except PasskeyRefused as refused:
            _log.warning("passkey_refused", user_id=user_id, reason=str(refused))
            return None
        await unit.factors.use_passkey(
            passkey.id, verified.new_sign_count, backed_up=verified.credential_backed_up
        )
        return passkey, PASSKEY if verified.user_verified else PASSWORD_AND_PASSKEY

    async def owner_of(self, unit: Unit, credential: Credential) -> str | None:
        """Return whose passkey this says it is, so that the account can be held before it is judged."""
        try:
            return await unit.factors.owner_of_passkey(credential_id_in(credential))
        except PasskeyRefused:
            return None

    async def _judge_recovery_code(self, unit: Unit, user_id: str, code: str) -> Proof | None:
        code_hash = hash_of(bare_recovery_code(code))
        if not await unit.factors.use_recovery_code(user_id, code_hash):
            return None
        await unit.tell(user_id, "recovery_code_used")
        return PASSWORD_AND_CODE


async def answered_challenge(
    unit: Unit, credential: Credential, purpose: ChallengePurpose, user_id: str | None
) -> bytes:
    """Return the challenge a device answers, and use it up.

    Raises:
        PasskeyRefused: it was not put to this person for this purpose, or too long ago, or was answered before.
    """
    challenge = challenge_in(credential)
    if not await unit.challenges.take(hash_of_challenge(challenge), purpose, user_id):
        raise PasskeyRefused("challenge unknown, used or too old")
    return challenge


async def _used_passkey(unit: Unit, credential: Credential, user_id: str | None) -> Passkey:
    passkey = await unit.factors.passkey_locked(credential_id_in(credential))
    if passkey is None or user_id not in {None, passkey.user_id}:
        raise PasskeyRefused("not a passkey of this account")
    return passkey


def hash_of_challenge(challenge: bytes) -> bytes:
    """Return what a passkey's challenge is found by."""
    return hash_of(challenge.hex())
