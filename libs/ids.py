"""Identifiers: UUIDv7 (RFC 9562) behind a typed prefix, such as `ord_01981c9e7c9a7a6db0c8f2f8f2b6c1d2`.

Time-ordered, so that index inserts stay local; the prefix makes a pasted id say what it is.
"""

import os
import re
import time
from hashlib import sha256
from typing import Final
from uuid import UUID

_ID_PATTERN: Final = re.compile(r"[a-z]{2,5}_[0-9a-f]{32}")


def uuid7() -> UUID:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def new_id(prefix: str) -> str:
    """Return a new public identifier with the given prefix, for example `new_id("ord")`."""
    return f"{prefix}_{uuid7().hex}"


def id_of(prefix: str, *parts: str) -> str:
    """Return the identifier that belongs to these parts: the same for the same parts, whenever and wherever it is asked for."""
    digest = sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return f"{prefix}_{digest.hexdigest()[:32]}"


def has_id_shape(value: str) -> bool:
    """Tell whether `value` can be an identifier of ours, whatever it is one of: random digits that name nobody."""
    return _ID_PATTERN.fullmatch(value) is not None


def is_id(value: str, prefix: str) -> bool:
    """Tell whether `value` has the shape of an identifier with this prefix."""
    return value.startswith(f"{prefix}_") and has_id_shape(value)
