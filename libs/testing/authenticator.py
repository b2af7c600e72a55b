"""A device that keeps passkeys: real keys, real signatures, and lies on request (WebAuthn level 3)."""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

RP_ID = "auth.meridian.test"
ORIGIN = "https://auth.meridian.test"

_USER_PRESENT, _USER_VERIFIED, _HAS_KEY = 0x01, 0x04, 0x40


def encoded(value: bytes) -> str:
    """Write bytes as WebAuthn does: base64url without padding."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Read what `encoded` wrote."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Device:
    """An authenticator with one passkey.

    Args:
        verifies_user: it asks for a PIN or a finger.
        counts: it counts its uses; what keeps passkeys for several devices does not, so uses may overtake each other.
    """

    def __init__(self, *, verifies_user: bool = True, counts: bool = True) -> None:
        self.credential_id = secrets.token_bytes(32)
        self.counter = 0
        self.counts = counts
        self.verifies_user = verifies_user
        self.user_handle = b""
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(
        self, options: dict[str, Any], *, origin: str = ORIGIN, rp_id: str = RP_ID
    ) -> dict[str, Any]:
        """Answer `navigator.credentials.create`."""
        self.user_handle = decoded(options["user"]["id"])
        attested = (
            bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id
        ) + self._public_key()
        data = self._authenticator_data(rp_id, _HAS_KEY) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential(
            {
                "clientDataJSON": self._client_data("webauthn.create", options, origin),
                "attestationObject": encoded(attestation),
                "transports": ["internal"],
            }
        )

    def use(
        self,
        options: dict[str, Any],
        *,
        origin: str = ORIGIN,
        rp_id: str = RP_ID,
        signer: ec.EllipticCurvePrivateKey | None = None,
    ) -> dict[str, Any]:
        """Answer `navigator.credentials.get`."""
        self.counter += self.counts
        client_data = self._client_data("webauthn.get", options, origin)
        data = self._authenticator_data(rp_id)
        signed = data + hashlib.sha256(decoded(client_data)).digest()
        signature = (signer or self._key).sign(signed, ec.ECDSA(SHA256()))
        return self._credential(
            {
                "clientDataJSON": client_data,
                "authenticatorData": encoded(data),
                "signature": encoded(signature),
                "userHandle": encoded(self.user_handle),
            }
        )

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": encoded(self.credential_id),
            "rawId": encoded(self.credential_id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }

    def _client_data(self, kind: str, options: dict[str, Any], origin: str) -> str:
        said = {"type": kind, "challenge": options["challenge"], "origin": origin}
        return encoded(json.dumps({**said, "crossOrigin": False}).encode())

    def _authenticator_data(self, rp_id: str, flags: int = 0) -> bytes:
        flags |= _USER_PRESENT | (_USER_VERIFIED if self.verifies_user else 0)
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _public_key(self) -> bytes:
        """Return the key as COSE writes it (RFC 9053): ES256 on P-256."""
        point = self._key.public_key().public_numbers()
        x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
