"""How services know each other: each signs short tokens with its own Ed25519 key (RFC 9864).

Public keys come in a trust bundle by configuration, so calls between services survive auth being away.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from libs.clock import Clock, SystemClock
from libs.ids import uuid7
from libs.observability.logging import get_logger
from libs.security.compact import BadToken, check_times, integer, read_claims, read_header, text
from libs.security.errors import ServiceTokenRequired
from libs.topology import SERVICES

SERVICE_TOKEN_TYPE: Final = "service+jwt"  # noqa: S105 - a media type
ALGORITHM: Final = "Ed25519"
LIFETIME: Final = timedelta(seconds=60)

_REUSED_SECONDS: Final = 30.0

_log = get_logger(__name__)


class ServiceSigner:
    """Signs tokens that say "this call comes from `service`", each for one callee and sixty seconds."""

    def __init__(
        self,
        service: str,
        key_file: Path,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the private key.

        Raises:
            ValueError: the file holds no Ed25519 private key of this service.
        """
        self._service = service
        self._clock = clock or SystemClock()
        self._monotonic = monotonic
        self._issued: dict[str, tuple[str, float]] = {}
        entry = json.loads(key_file.read_bytes())
        if not isinstance(entry, dict) or entry.get("kid") != service or "d" not in entry:
            raise ValueError(f"{key_file.name} holds no private key of {service}")
        self._key = _import(entry)

    def token_for(self, callee: str) -> str:
        """Return a token for this callee; one is reused for half its life."""
        token, until = self._issued.get(callee, ("", float("-inf")))
        if self._monotonic() < until:
            return token
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": self._service,
            "sub": self._service,
            "aud": callee,
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "jti": str(uuid7()),
        }
        token = self.sign(SERVICE_TOKEN_TYPE, claims)
        self._issued[callee] = (token, self._monotonic() + _REUSED_SECONDS)
        return token

    def sign(self, typ: str, claims: Mapping[str, object]) -> str:
        """Sign a statement of this service that is no token: its type is one that nobody accepts as such."""
        header = {"alg": ALGORITHM, "typ": typ, "kid": self._service}
        return jws.serialize_compact(
            header, json.dumps(claims).encode(), self._key, algorithms=[ALGORITHM]
        )


class ServiceVerifier:
    """Accepts tokens of the services in the trust bundle that were issued for `me`.

    While a service's key is rotated the bundle holds its old and its new one.
    """

    def __init__(self, trust_bundle_file: Path, me: str, clock: Clock | None = None) -> None:
        """Read the bundle.

        Raises:
            ValueError: the file is no set of Ed25519 keys.
        """
        self.me = me
        self._clock = clock or SystemClock()
        self._keys = _read_bundle(trust_bundle_file)

    def verify(self, token: str) -> str:
        """Return the calling service's name.

        Raises:
            ServiceTokenRequired: the token does not prove one; the reason goes to the log.
        """
        try:
            return self._verify(token)
        except BadToken as error:
            _log.warning("service_token_refused", reason=str(error))
            raise ServiceTokenRequired(str(error)) from error

    def _verify(self, token: str) -> str:
        header = read_header(token)
        if header.alg != ALGORITHM or header.typ != SERVICE_TOKEN_TYPE:
            raise BadToken("alg or typ")
        claims = self._claims(token, self._keys.get(header.kid, ()))
        if claims.get("iss") != header.kid or claims.get("sub") != header.kid:
            raise BadToken("iss")
        if claims.get("aud") != self.me:
            raise BadToken("aud")
        check_times(claims, self._clock.now())
        if integer(claims, "exp") - integer(claims, "iat") > LIFETIME.total_seconds():
            raise BadToken("lifetime")
        text(claims, "jti")
        return header.kid

    def _claims(self, token: str, keys: Sequence[OKPKey]) -> Mapping[str, object]:
        refused = BadToken("unknown service")
        for key in keys:
            try:
                return read_claims(token, key, ALGORITHM)
            except BadToken as error:
                refused = error
        raise refused


def generate_service_keys(directory: Path, trusted_so_far: Path | None = None) -> None:
    """Write a key per service and the trust bundle of all of them; keys already there are kept.

    Args:
        directory: where the files go. One machine uses them as they are; a cluster's secret store takes them over.
        trusted_so_far: a bundle whose keys stay trusted beside the new ones, while keys are rotated.

    Raises:
        OSError: the bundle, or the folder, is not there to be used.
        ValueError: it is no trust bundle. Nothing was made.
    """
    trusted = {} if trusted_so_far is None else _read_bundle(trusted_so_far)
    directory.mkdir(parents=True, exist_ok=True)
    bundle = []
    for service in SERVICES:
        path = directory / f"{service}.key.json"
        if not path.exists():
            key = OKPKey.generate_key("Ed25519", {"kid": service, "use": "sig"})
            path.touch(mode=0o600)
            path.write_text(json.dumps(key.as_dict(private=True)))
        bundle.append(_public_entry(service, _import(json.loads(path.read_bytes()))))
    known = [_public_entry(service, key) for service, keys in trusted.items() for key in keys]
    bundle += [entry for entry in known if entry not in bundle]
    (directory / "trust-bundle.json").write_text(json.dumps({"keys": bundle}, indent=2))


def _read_bundle(path: Path) -> Mapping[str, Sequence[OKPKey]]:
    document = json.loads(path.read_bytes())
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path.name} is not a trust bundle")
    keys: dict[str, list[OKPKey]] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or "d" in entry:
            raise ValueError(f"{path.name} must hold public keys, each with its service's name")
        keys.setdefault(entry["kid"], []).append(_import(entry))
    return keys


def _public_entry(service: str, key: OKPKey) -> dict[str, str | list[str]]:
    return {**key.as_dict(private=False), "kid": service}


def _import(entry: Mapping[str, object]) -> OKPKey:
    try:
        members: dict[str, str | list[str]] = {
            name: str(entry[name]) for name in ("kty", "crv", "x", "d") if name in entry
        }
        if members["crv"] != ALGORITHM:
            raise ValueError("not an Ed25519 key")
        return OKPKey.import_key(members)
    except (JoseError, KeyError, TypeError) as error:
        raise ValueError("not an Ed25519 key") from error
