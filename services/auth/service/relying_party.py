"""Asks for passkeys and judges what devices answer (WebAuthn level 3), for one shop at its own addresses."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from services.auth.domain.second_factors import CHALLENGE_LIFETIME

Credential = Mapping[str, Any]
"""What `PublicKeyCredential.toJSON()` gives in a browser."""

_UNREADABLE: Final = (WebAuthnException, ValueError, TypeError, AttributeError, RecursionError)
"""What reading something a device made up ends with; the last, where it is nested deeply."""
_TIMEOUT_MS: Final = int(CHALLENGE_LIFETIME.total_seconds() * 1000)


class PasskeyRefused(Exception):
    """What the device answered proves nothing to us."""


@dataclass(frozen=True)
class RelyingParty:
    """The shop as devices know it: `rp_id` is a domain, `origins` the addresses of pages that may ask."""

    rp_id: str
    name: str
    origins: Sequence[str]

    def registration_options(
        self, user_id: str, account: str, challenge: bytes, known: Sequence[bytes]
    ) -> dict[str, Any]:
        """Return what `navigator.credentials.create` takes; devices that hold a known key say so."""
        options = generate_registration_options(
            rp_id=self.rp_id,
            rp_name=self.name,
            user_id=user_id.encode(),
            user_name=account,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=id_) for id_ in known],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
        )
        return _as_json(options_to_json(options))

    def authentication_options(self, challenge: bytes, known: Sequence[bytes]) -> dict[str, Any]:
        """Return what `navigator.credentials.get` takes; without known keys the device offers those it has for us."""
        options = generate_authentication_options(
            rp_id=self.rp_id,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            allow_credentials=[PublicKeyCredentialDescriptor(id=id_) for id_ in known],
            user_verification=UserVerificationRequirement.PREFERRED
            if known
            else UserVerificationRequirement.REQUIRED,
        )
        return _as_json(options_to_json(options))

    def registered(self, credential: Credential, challenge: bytes) -> VerifiedRegistration:
        """Judge a new passkey.

        Raises:
            PasskeyRefused: for another challenge, origin or shop, or not signed as it says.
        """
        try:
            return verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=list(self.origins),
            )
        except _UNREADABLE as error:
            raise PasskeyRefused(str(error)) from error

    def proved(
        self, credential: Credential, challenge: bytes, public_key: bytes, sign_count: int
    ) -> VerifiedAuthentication:
        """Judge the use of a passkey.

        Raises:
            PasskeyRefused: for another challenge, origin or shop, a wrong signature, or a counter that went back.
        """
        try:
            return verify_authentication_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=list(self.origins),
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
            )
        except _UNREADABLE as error:
            raise PasskeyRefused(str(error)) from error


def challenge_in(credential: Credential) -> bytes:
    """Return the challenge a device says it answers.

    Raises:
        PasskeyRefused: it says none.
    """
    try:
        client_data = base64url_to_bytes(credential["response"]["clientDataJSON"])
        return parse_client_data_json(client_data).challenge
    except _UNREADABLE as error:
        raise PasskeyRefused("no challenge") from error


def credential_id_in(credential: Credential) -> bytes:
    """Return which passkey was used.

    Raises:
        PasskeyRefused: the id is no base64url.
    """
    try:
        return base64url_to_bytes(credential["rawId"])
    except ValueError as error:
        raise PasskeyRefused("no credential id") from error


def _as_json(options: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(options)
    return parsed
