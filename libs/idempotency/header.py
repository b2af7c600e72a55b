"""Reads the `Idempotency-Key` header, and the secret that fingerprints are made with."""

from typing import Annotated

from fastapi import Depends, Header, Request

from libs.idempotency.errors import IdempotencyKeyMissing
from libs.idempotency.keys import HEADER, key_of
from libs.settings import ServiceSettings

_OptionalHeader = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description="Makes repeating the request safe for 72 hours: a repeat is answered as the first was.",
    ),
]
_RequiredHeader = Annotated[
    str | None,
    Header(
        alias=HEADER,
        description="Makes repeating the request safe for 72 hours: a repeat is answered as the first was.",
        json_schema_extra={
            "x-required": True
        },  # told in the document; its absence has a problem of its own
    ),
]


async def optional_key(request: Request, _documented: _OptionalHeader = None) -> str | None:
    """Read the key if there is one.

    Raises:
        IdempotencyKeyMalformed: it is not usable.
    """
    return key_of(request)


async def required_key(request: Request, _documented: _RequiredHeader = None) -> str:
    """Read the key.

    Raises:
        IdempotencyKeyMissing: there is none.
        IdempotencyKeyMalformed: it is not usable.
    """
    key = key_of(request)
    if key is None:
        raise IdempotencyKeyMissing(f"Send a new random value in the {HEADER} header.")
    return key


async def fingerprint_secret(request: Request) -> bytes:
    """Return the process's signing secret, from `app.state.resources.settings`."""
    settings: ServiceSettings = request.app.state.resources.settings
    return settings.signing_secret.get_secret_value().encode()


OptionalKey = Annotated[str | None, Depends(optional_key)]
RequiredKey = Annotated[str, Depends(required_key)]
FingerprintSecret = Annotated[bytes, Depends(fingerprint_secret)]
