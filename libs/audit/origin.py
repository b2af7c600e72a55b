"""Where a request came from, told apart without keeping the address: a keyed hash nobody without the key can search.

Of IPv6 it is the network of a home that is told apart: whoever has one address of it has all 2^64.
"""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import Final

from libs.cache.rate_limit import network_of

_LETTERS: Final = 32

origin_var: Final[ContextVar[str | None]] = ContextVar("audit_origin", default=None)
"""The hashed address of whoever sent the request being answered."""


def origin_of(address: str, key: bytes) -> str:
    """Return the keyed hash (HMAC-SHA-256, RFC 2104, 128 bits) of a client's network, as hexadecimal digits."""
    network = network_of(address).encode()
    return hmac.new(key, b"audit origin " + network, sha256).hexdigest()[:_LETTERS]


@contextmanager
def coming_from(origin: str | None) -> Iterator[None]:
    """Have every entry recorded in the block name this origin."""
    token = origin_var.set(origin)
    try:
        yield
    finally:
        origin_var.reset(token)
