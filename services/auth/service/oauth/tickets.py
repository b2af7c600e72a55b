"""Signed notes to ourselves that travel through a browser, so that a request nobody finished costs no row."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from libs.clock import Clock
from services.auth.errors import FormExpired

LIFETIME: Final = timedelta(minutes=30)
LONGEST_TICKET: Final = 8_192

_MAC_BYTES: Final = 32


@dataclass(frozen=True)
class Tickets:
    """Makes and reads tickets; each is good for one purpose and half an hour."""

    secret: bytes
    clock: Clock

    def issue(self, purpose: str, content: Mapping[str, str]) -> str:
        """Return a ticket that can go into an address or a form."""
        until = (self.clock.now() + LIFETIME).timestamp()
        payload = json.dumps([int(until), content], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(purpose, payload) + payload).decode().rstrip("=")

    def read(self, purpose: str, ticket: str) -> Mapping[str, str]:
        """Return what a ticket says.

        Raises:
            FormExpired: it is not ours, not for this purpose, or too old.
        """
        try:
            padded = ticket[:LONGEST_TICKET] + "=" * (-len(ticket) % 4)
            raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise FormExpired from None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, payload)):
            raise FormExpired
        until, content = json.loads(payload)
        if self.clock.now().timestamp() >= until:
            raise FormExpired
        found: Mapping[str, str] = content
        return found

    def proof_for(self, cookie: str) -> str:
        """Return the token a form or a page sends along to show that it could read what this cookie's owner can."""
        mac = self._mac("csrf", cookie.encode())
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")

    def is_proof(self, cookie: str, token: str) -> bool:
        """Tell whether the token belongs to the cookie."""
        return hmac.compare_digest(self.proof_for(cookie).encode(), token.encode())

    def _mac(self, purpose: str, message: bytes) -> bytes:
        key = hmac.digest(self.secret, f"meridian ticket v1 {purpose}".encode(), hashlib.sha256)
        return hmac.digest(key, message, "sha256")
