"""Passkeys: added, listed, renamed and taken off by whoever owns them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webauthn.registration.verify_registration_response import VerifiedRegistration

from libs.ids import new_id
from libs.observability.logging import get_logger
from libs.security.principal import Principal
from services.auth.domain.challenges import ChallengePurpose
from services.auth.domain.proofs import PASSKEY, PASSWORD_AND_PASSKEY
from services.auth.errors import IdentityNotFound
from services.auth.errors.proofs import PasskeyKnown, PasskeyNotAccepted, PasskeyNotFound
from services.auth.models import Passkey
from services.auth.repository import Units
from services.auth.service.ending import SessionEnding, end_everything
from services.auth.service.factor_judge import answered_challenge, hash_of_challenge
from services.auth.service.holding import held_for
from services.auth.service.relying_party import (
    Credential,
    PasskeyRefused,
    RelyingParty,
)
from services.auth.service.second_factors import another_factor, last_factor
from services.auth.service.second_step import CHALLENGE_BYTES

_log = get_logger(__name__)


@dataclass(frozen=True)
class PasskeyService:
    """Passkeys of whoever is logged in."""

    units: Units
    relying_party: RelyingParty
    ending: SessionEnding

    async def options(self, user_id: str) -> dict[str, Any]:
        """Return what a browser needs to make a passkey; the challenge in it is good for five minutes."""
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        async with self.units.begin() as unit:
            identity = await unit.identities.find(user_id)
            if identity is None:
                raise IdentityNotFound
            await unit.challenges.add(
                hash_of_challenge(challenge), ChallengePurpose.PASSKEY_REGISTRATION, user_id
            )
            passkeys = await unit.factors.passkeys_of(user_id)
        known = [passkey.credential_id for passkey in passkeys]
        return self.relying_party.registration_options(user_id, identity.email, challenge, known)

    async def add(
        self, caller: Principal, name: str, credential: Credential
    ) -> tuple[str, Sequence[str]]:
        """Store a new passkey; return its id, and recovery codes if it is the account's first second factor.

        Raises:
            PasskeyNotAccepted: it does not answer a challenge of ours, or not as it should.
            PasskeyKnown: this credential is registered already.
            SessionEnded: the session was ended meanwhile.
            SessionStoreUnavailable: it is stored; other sessions live on until Redis is back.
        """
        made = await self._verified(caller.subject, credential)
        passkey = Passkey(
            id=new_id("pky"),
            user_id=caller.subject,
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            name=name,
            transports=credential["response"]["transports"],
            backed_up=made.credential_backed_up,
        )
        proof = PASSKEY if made.user_verified else PASSWORD_AND_PASSKEY
        async with self.units.begin() as unit:
            identity = await held_for(unit, caller)
            if not await unit.factors.add_passkey(passkey):
                raise PasskeyKnown
            await unit.tell(identity.id, "passkey_added")
            codes = await another_factor(unit, caller, identity, proof)
            ended = await end_everything(
                unit, caller.subject, "mfa_changed", but=caller.session_id or ""
            )
        await self.ending.forget(ended)
        return passkey.id, codes

    async def list_passkeys(self, user_id: str) -> Sequence[Passkey]:
        """Return the user's passkeys, the oldest first."""
        async with self.units.begin() as unit:
            return await unit.factors.passkeys_of(user_id)

    async def rename(self, user_id: str, passkey_id: str, name: str) -> Passkey:
        """Give a passkey another name.

        Raises:
            PasskeyNotFound: unknown, or somebody else's.
        """
        async with self.units.begin() as unit:
            passkey = await unit.factors.rename_passkey(user_id, passkey_id, name)
        if passkey is None:
            raise PasskeyNotFound
        return passkey

    async def remove(self, caller: Principal, passkey_id: str) -> None:
        """Let a passkey work no more.

        Raises:
            PasskeyNotFound: unknown, or somebody else's.
            SessionEnded: the session was ended meanwhile.
        """
        async with self.units.begin() as unit:
            user_id = (await held_for(unit, caller)).id
            if not await unit.factors.remove_passkey(user_id, passkey_id):
                raise PasskeyNotFound
            await unit.tell(user_id, "passkey_removed")
            await last_factor(unit, user_id)

    async def _verified(self, user_id: str, credential: Credential) -> VerifiedRegistration:
        """Judge what the device made; its challenge is used up, whatever comes of it."""
        try:
            async with self.units.begin() as unit:
                challenge = await answered_challenge(
                    unit, credential, ChallengePurpose.PASSKEY_REGISTRATION, user_id
                )
            return self.relying_party.registered(credential, challenge)
        except PasskeyRefused as refused:
            _log.warning("passkey_not_accepted", user_id=user_id, reason=str(refused))
            raise PasskeyNotAccepted from refused
