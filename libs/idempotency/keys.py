"""Who asks, under which key, for what: the identity of a request that may be repeated."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from libs.idempotency.errors import IdempotencyKeyMalformed
from libs.ids import id_of
from libs.observability.paths import shown_path

HEADER: Final = "Idempotency-Key"
GUEST_HEADER: Final = "Cart-Token"
LONGEST_KEY: Final = 255
ANONYMOUS: Final = "anonymous"


@dataclass(frozen=True, slots=True)
class Identity:
    """Two requests with equal principal and key are one operation; a differing fingerprint is a client's mistake.

    `method_path` tells whoever reads the table what was asked for: the route, with ids of ours filled in.
    """

    principal: str
    key: str
    method_path: str
    fingerprint: bytes


def key_of(request: Request) -> str | None:
    """Return the request's key, or None without one.

    The draft asks for a structured-field string (`"abc"`, RFC 9651 section 3.3.3); the bare form (`abc`) that most
    clients send names the same key.

    Raises:
        IdempotencyKeyMalformed: several keys, or not 1 to 255 printable ASCII characters.
    """
    values = request.headers.getlist(HEADER)
    if not values:
        return None
    key = _unquoted(values[0].strip()) if len(values) == 1 else None
    if not key or len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise IdempotencyKeyMalformed(
            f"Send one {HEADER} of 1 to {LONGEST_KEY} printable ASCII characters, quoted or not."
        )
    return key


async def identity_of(request: Request, key: str, secret: bytes) -> Identity:
    """Describe the request; its body is hashed with a secret, because bodies may hold passwords."""
    digest = hmac.new(secret, digestmod=hashlib.sha256)
    for part in (
        method_path_of(request).encode(),
        request.url.query.encode(),
        await request.body(),
    ):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    shown = f"{request.method} {shown_path(request.scope)}"
    return Identity(principal_of(request, secret), key, shown, digest.digest())


def method_path_of(request: Request) -> str:
    """Name the operation and the resource it is about."""
    return f"{request.method} {request.url.path}"


def principal_of(request: Request, secret: bytes) -> str:
    """Name whose keys these are: the authenticated subject, a guest by its token, or whoever has this address.

    A stored answer may hold a secret, such as a guest's cart token: a stranger who happens to choose the same key
    must not be answered with it.
    """
    principal: object = getattr(request.state, "principal", None)
    if principal is not None:
        return str(getattr(principal, "subject", principal))
    guest_token = request.headers.get(GUEST_HEADER)
    if guest_token:
        return f"guest:{hashlib.sha256(guest_token.encode()).hexdigest()}"
    address = request.client.host if request.client is not None else ""
    return f"{ANONYMOUS}:{hmac.new(secret, address.encode(), hashlib.sha256).hexdigest()}"


def id_from(principal: str, key: str, method_path: str, prefix: str) -> str:
    """Name what a request makes after its key: the same request under the same key gets the same id for ever.

    So the primary key of what was made still refuses a second one when the key itself was forgotten long ago.
    """
    return id_of(prefix, principal, key, method_path)


def _unquoted(value: str) -> str | None:
    if not value.startswith('"'):
        return None if '"' in value or "," in value else value
    letters: list[str] = []
    rest = iter(value[1:])
    for letter in rest:
        if letter == '"':
            # The closing quote must be the end: parameters and lists mean nothing here.
            return "".join(letters) if next(rest, None) is None else None
        escaped = next(rest, "") if letter == "\\" else letter
        if letter == "\\" and escaped not in {'"', "\\"}:
            return None
        letters.append(escaped)
    return None
