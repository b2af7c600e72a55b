"""Where a request comes from."""

import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class Client:
    """Where a login comes from; personal data, so it is stored hashed and never logged.

    Attributes:
        network: the address, or of IPv6 the home's network: devices take another address in it every day (RFC 8981).
        user_agent: what the client says it is.
    """

    network: str
    user_agent: str


def network_hash(secret: bytes, client: Client) -> bytes:
    """Return what a network is recognised by."""
    return hmac.new(secret, client.network.encode(), hashlib.sha256).digest()
