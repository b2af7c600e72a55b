"""Keeps secrets, personal data and terminal control characters out of log lines."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

MASK: Final = "[masked]"

_SECRET_KEYS: Final = re.compile(
    r"passw|secret|token|authoriz|cookie|credential|api_?key|private_?key|signature"
    r"|e[-_]?mail|phone|first_?name|last_?name|display_?name|full_?name|postal|street|recipient"
    r"|card_?number|\bpan\b|\bcvc\b|\bcvv\b|iban|payment_method|idempotency_?key",
    re.IGNORECASE,
)
_SECRET_VALUES: Final = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"  # an e-mail address
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.?[A-Za-z0-9_-]*"  # a JSON Web Token
    r"|(?i:bearer\s+[A-Za-z0-9._~+/=-]{8,})"
    r"|(?<=://)[^/\s:@]{0,64}:[^/\s@]{1,256}(?=@)"  # user:password of a URL
)
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_/{}:*=+-]{0,200}")
"""No pattern above matches without an at sign, a dot or a space; most values of most lines have none."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_DEEPEST: Final = 6
_LONGEST: Final = 4_000


def clean_text(value: str) -> str:
    r"""Mask secrets inside the text and spell control characters out (`\x1b`), so nobody can forge a line."""
    if _HARMLESS.fullmatch(value):
        return value
    text = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}... ({len(value)} characters)"
    return _CONTROL.sub(_spell_out, _SECRET_VALUES.sub(MASK, text))


@lru_cache(maxsize=1024)
def is_secret_key(key: str) -> bool:
    """Tell whether values under this name must never be shown."""
    return _SECRET_KEYS.search(key) is not None


def redact_member(key: str, value: object, depth: int = 0) -> object:
    """Return one member of a line or object as JSON-ready data, masked if its name says it is secret."""
    return MASK if is_secret_key(key) and value is not None else redact(value, depth)


def redact(value: object, depth: int = 0) -> object:
    """Return the value as JSON-ready data with secrets masked, however deep they sit."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= _DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {
            clean_text(str(key)): redact_member(str(key), item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth + 1) for item in value]
    return clean_text(_text_of(value))


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - logging never breaks what it describes
        return f"<{type(value).__qualname__} without text>"


def _spell_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
