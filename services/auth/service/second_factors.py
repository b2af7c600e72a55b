"""Enrolling second factors and taking them off again; each is told to the account's owner."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import pyotp

from libs.security.errors import SessionEnded
from libs.security.principal import Principal
from services.auth.domain.accounts import SHOP_NAME
from services.auth.domain.proofs import Proof
from services.auth.domain.second_factors import (
    RECOVERY_ALPHABET,
    RECOVERY_CODE_GROUP,
    RECOVERY_CODE_GROUPS,
    RECOVERY_CODES,
    bare_recovery_code,
    enrolment_uri,
)
from services.auth.errors import WrongProof
from services.auth.errors.proofs import NoSecondFactor, TotpAlreadyEnrolled, TotpNotFound
from services.auth.models import Identity
from services.auth.repository import Unit, Units
from services.auth.service.ending import SessionEnding, end_everything
from services.auth.service.factor_judge import FactorJudge
from services.auth.service.holding import held_for
from services.auth.service.minting import hash_of
from services.auth.service.throttle import Throttle


@dataclass(frozen=True)
class Enrolled:
    """What an account can be proved with."""

    totp: bool
    passkeys: int
    recovery_codes_left: int


@dataclass(frozen=True)
class SecondFactorService:
    """Second factors of whoever is logged in and has just proved it."""

    units: Units
    judge: FactorJudge
    ending: SessionEnding
    throttle: Throttle

    async def get_enrolled(self, user_id: str) -> Enrolled:
        """Return what the user has."""
        async with self.units.begin() as unit:
            return Enrolled(
                totp=await unit.factors.has_totp(user_id),
                passkeys=len(await unit.factors.passkeys_of(user_id)),
                recovery_codes_left=await unit.factors.count_recovery_codes(user_id),
            )

    async def begin_totp(self, caller: Principal) -> tuple[str, str]:
        """Return a new secret, and the URI of it for a QR code; it counts once a code of it is confirmed.

        Raises:
            TotpAlreadyEnrolled: take the app off first.
            SessionEnded: the session was ended meanwhile.
        """
        secret = pyotp.random_base32()
        async with self.units.begin() as unit:
            identity = await held_for(unit, caller)
            if not await unit.factors.put_totp(identity.id, secret):
                raise TotpAlreadyEnrolled
        return secret, enrolment_uri(secret, identity.email, SHOP_NAME)

    async def confirm_totp(self, caller: Principal, code: str) -> Sequence[str]:
        """Let the app count from now on; return recovery codes if it is the first factor.

        Raises:
            WrongProof: not a code of the app, or there is none to confirm.
            RateLimited: too many wrong ones.
            SessionEnded: the session was ended meanwhile.
            SessionStoreUnavailable: it counts; other sessions end when Redis is back and this is tried again.
        """
        guess = await self.throttle.prove(caller.subject, caller.session_id or "")
        async with self.units.begin() as unit:
            identity = await held_for(unit, caller)
            proof = await self.judge.judge_code(unit, identity.id, code, enrolling=True)
            if proof is None:
                raise WrongProof
            await unit.tell(identity.id, "totp_added")
            codes = await another_factor(unit, caller, identity, proof)
            ended = await end_everything(
                unit, caller.subject, "mfa_changed", but=caller.session_id or ""
            )
        await self.throttle.forgive(guess)
        await self.ending.forget(ended)
        return codes

    async def remove_totp(self, caller: Principal) -> None:
        """Take the app off; without another factor the account is opened by its password alone again.

        Raises:
            TotpNotFound: there is none.
            SessionEnded: the session was ended meanwhile.
        """
        async with self.units.begin() as unit:
            user_id = (await held_for(unit, caller)).id
            if not await unit.factors.remove_totp(user_id):
                raise TotpNotFound
            await unit.tell(user_id, "totp_removed")
            await last_factor(unit, user_id)

    async def renew_recovery_codes(self, caller: Principal) -> Sequence[str]:
        """Return new recovery codes; the old ones work no more.

        Raises:
            NoSecondFactor: they stand in for a second factor, and there is none.
            SessionEnded: the session was ended meanwhile.
        """
        async with self.units.begin() as unit:
            user_id = (await held_for(unit, caller)).id
            if not await unit.factors.has_any(user_id):
                raise NoSecondFactor
            await unit.tell(user_id, "recovery_codes_renewed")
            return await _new_recovery_codes(unit, user_id)


async def another_factor(
    unit: Unit, caller: Principal, identity: Identity, proof: Proof
) -> Sequence[str]:
    """Note that the account, which is held, has a second factor and that this session has shown it.

    Returns recovery codes if it is the first one.

    Raises:
        SessionEnded: the session ended; nothing is enrolled.
    """
    first = not identity.second_factor
    if not await unit.families.strengthen(identity.id, caller.session_id or "", proof):
        raise SessionEnded
    await unit.identities.set_second_factor(identity.id, enrolled=True)
    if not first:
        return []
    await unit.tell(identity.id, "mfa_enabled")
    return await _new_recovery_codes(unit, identity.id)


async def last_factor(unit: Unit, user_id: str) -> None:
    """Note that a factor of an account that is held is gone; recovery codes go with the last one."""
    if await unit.factors.has_any(user_id):
        return
    await unit.identities.set_second_factor(user_id, enrolled=False)
    await unit.factors.replace_recovery_codes(user_id, [])
    await unit.challenges.end_all(user_id)
    await unit.tell(user_id, "mfa_disabled")


async def _new_recovery_codes(unit: Unit, user_id: str) -> Sequence[str]:
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    hashes = [hash_of(bare_recovery_code(code)) for code in codes]
    await unit.factors.replace_recovery_codes(user_id, hashes)
    return codes


def _recovery_code() -> str:
    return "-".join(
        "".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(RECOVERY_CODE_GROUP))
        for _ in range(RECOVERY_CODE_GROUPS)
    )
