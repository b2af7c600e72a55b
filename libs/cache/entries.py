"""How a cached answer is written in Redis, and read with suspicion."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

_MAGIC: Final = "meridian-cache-1"


@dataclass(frozen=True)
class CachedBody:
    """A response body and its strong entity tag."""

    body: bytes
    etag: str


@dataclass(frozen=True)
class Entry:
    """An answer, or that there is none, and until when it need not be asked for again."""

    value: CachedBody | None
    fresh_until: float


def encode(key: str, value: CachedBody | None, fresh_until: float) -> bytes:
    """Write an entry with what tells a reader that it is ours, whole, and for this key."""
    body = b"" if value is None else value.body
    head = {
        "magic": _MAGIC,
        "key": key,
        "etag": None if value is None else value.etag,
        "fresh_until": fresh_until,
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return json.dumps(head).encode() + b"\n" + body


def decode(key: str, raw: bytes | None) -> Entry | None:
    """Read an entry; whatever is not exactly what we wrote for this key is a miss, never an error."""
    if raw is None:
        return None
    line, _, body = raw.partition(b"\n")
    try:
        head = json.loads(line)
        ours = head["magic"] == _MAGIC and head["key"] == key
        intact = head["sha256"] == hashlib.sha256(body).hexdigest()
        etag, fresh_until = head["etag"], float(head["fresh_until"])
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return None
    if not (ours and intact and (etag is None or isinstance(etag, str))):
        return None
    return Entry(None if etag is None else CachedBody(body, etag), fresh_until)
