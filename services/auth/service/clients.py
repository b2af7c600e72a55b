"""Where a request comes from."""

import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """Where a login comes from; personal data, so it is stored hashed and never logged."""

    address: str
    user_agent: str


def address_hash(secret: bytes, client: Client) -> bytes:
    """Return what an address is recognised by."""
    return hmac.new(secret, client.address.encode(), hashlib.sha256).digest()
