"""Reads signed compact tokens (RFC 7515) as strictly as our own issuers write them (RFC 8725)."""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey, RSAKey

LARGEST_TOKEN: Final = 8_192
LEEWAY_SECONDS: Final = 5

_HEADERS: Final = frozenset({"alg", "typ", "kid"})
_LONGEST_KID: Final = 64
_DOTS: Final = 2


class BadToken(ValueError):
    """Why a token was refused, for the log."""


@dataclass(frozen=True)
class Header:
    """The only header members we write, and so the only ones we accept: no jku, x5u, jwk, crit or b64."""

    alg: str
    typ: str
    kid: str


def read_header(token: str) -> Header:
    """Parse the header without trusting it.

    Raises:
        BadToken: anything but three base64url parts whose first is an object of alg, typ and kid.
    """
    if len(token) > LARGEST_TOKEN or not token.isascii():
        raise BadToken("size or characters")
    if token.count(".") != _DOTS:
        raise BadToken("not three parts")
    header = _json_object(token.partition(".")[0])
    if header.keys() != _HEADERS:
        raise BadToken("header members")
    alg, typ, kid = header["alg"], header["typ"], header["kid"]
    if not (isinstance(alg, str) and isinstance(typ, str) and isinstance(kid, str)):
        raise BadToken("header types")
    if not kid or len(kid) > _LONGEST_KID or not kid.replace("-", "").replace("_", "").isalnum():
        raise BadToken("kid")
    return Header(alg, typ.lower().removeprefix("application/"), kid)


def read_claims(token: str, key: RSAKey | OKPKey, algorithm: str) -> Mapping[str, object]:
    """Verify the signature with exactly this key and algorithm and return the claims.

    Raises:
        BadToken: wrong signature, or a payload that is not one JSON object without repeated members.
    """
    try:
        jws.deserialize_compact(token, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError) as error:
        raise BadToken(f"signature: {type(error).__name__}") from error
    return _json_object(token.split(".")[1])


def check_times(claims: Mapping[str, object], now: datetime) -> None:
    """Check exp, iat and an optional nbf against `now`, with five seconds of leeway.

    Raises:
        BadToken: missing, not whole numbers, expired or from the future.
    """
    seconds = now.timestamp()
    if integer(claims, "exp") + LEEWAY_SECONDS <= seconds:
        raise BadToken("expired")
    if integer(claims, "iat") - LEEWAY_SECONDS > seconds:
        raise BadToken("issued in the future")
    if "nbf" in claims and integer(claims, "nbf") - LEEWAY_SECONDS > seconds:
        raise BadToken("not yet valid")


def text(claims: Mapping[str, object], name: str) -> str:
    """Return a claim that must be a non-empty string.

    Raises:
        BadToken: it is not.
    """
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise BadToken(name)
    return value


def integer(claims: Mapping[str, object], name: str) -> int:
    """Return a claim that must be a whole number.

    Raises:
        BadToken: it is not.
    """
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**40:
        raise BadToken(name)
    return value


def _json_object(part: str) -> dict[str, object]:
    try:
        raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
        value = json.loads(raw, object_pairs_hook=_unique, parse_constant=_refuse)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadToken("not JSON") from error
    if not isinstance(value, dict):
        raise BadToken("not an object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadToken("repeated member")
    return members


def _refuse(constant: str) -> object:
    raise BadToken(f"{constant} is not JSON")
