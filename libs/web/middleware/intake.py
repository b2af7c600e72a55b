"""Takes the whole request in, within limits, before anything works on it."""

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.web.errors import (
    BodyTooLarge,
    BodyTooSlow,
    HeadersTooLarge,
    InvalidTarget,
    RepeatedHeader,
    TargetTooLong,
)
from libs.web.middleware.scopes import header_of

MAX_BODY_BYTES: Final = 256 * 1024
_MOST_BYTES_DISCARDED: Final = 128 * MAX_BODY_BYTES
"""Up to here a body that is too large is read to its end: a connection closed in the middle of it is reset, and the
client would see that instead of the answer."""

_MAX_TARGET_BYTES: Final = 8 * 1024
_MAX_HEADER_BYTES: Final = 32 * 1024
_ONE_VALUE: Final = frozenset(
    {
        b"authorization",
        b"cart-token",
        b"content-length",
        b"content-type",
        b"erasure-token",
        b"host",
        b"idempotency-key",
        b"service-authorization",
        b"x-csrf-token",
    }
)
"""Headers that say who calls, and what: a gateway that judged another of two would have judged for nothing."""
_READ_SECONDS: Final = 10.0


class BufferedBody:
    """An ASGI `receive` that hands out a body that was read before, as often as it is rewound."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body = body
        self._receive = receive
        self._given = False

    @property
    def content(self) -> bytes:
        """The whole body."""
        return self._body

    async def __call__(self) -> Message:
        if self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    def rewind(self) -> None:
        """Give the body out once more."""
        self._given = False


class Intake:
    """Refuses addresses that cannot exist, headers that contradict one another, and bodies that are too large, too slow or cut short.

    Reading the body here, and not in the route, means that no handler starts on half a request, that chunked bodies
    are counted while they arrive, and that the request can be run again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _check_target(scope)
        _check_headers(scope)
        try:
            async with asyncio.timeout(_READ_SECONDS):
                body = await _read(scope, receive)
        except TimeoutError:
            raise BodyTooSlow(
                f"Send the whole body within {_READ_SECONDS:.0f} seconds.",
                headers={"Connection": "close"},
            ) from None
        await self._app(scope, BufferedBody(body, receive), send)


async def _read(scope: Scope, receive: Receive) -> bytes:
    """Read the body to its end, keeping no more of it than the limit."""
    if header_of(scope, b"expect") is not None and _declared_length(scope) > MAX_BODY_BYTES:
        # The client asks before it sends; reading would tell it to go ahead.
        raise _too_large(ended=False)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        ended = not message.get("more_body", False)
        if size > _MOST_BYTES_DISCARDED or (ended and size > MAX_BODY_BYTES):
            raise _too_large(ended=ended)
        if ended:
            return b"".join(chunks)


def _declared_length(scope: Scope) -> int:
    length = header_of(scope, b"content-length") or ""
    return int(length[:18]) if length.isascii() and length.isdigit() else 0


def _check_target(scope: Scope) -> None:
    query: bytes = scope["query_string"]
    if len(query) + len(scope["path"]) > _MAX_TARGET_BYTES:
        raise TargetTooLong(f"Keep path and query within {_MAX_TARGET_BYTES} bytes.")
    # PostgreSQL has no NUL in text; refused here, no query needs to think of it.
    if "\x00" in scope["path"] or b"%00" in query or b"\x00" in query:
        raise InvalidTarget("Leave out the NUL character.")


def _check_headers(scope: Scope) -> None:
    if sum(len(name) + len(value) for name, value in scope["headers"]) > _MAX_HEADER_BYTES:
        raise HeadersTooLarge(f"Keep all headers together within {_MAX_HEADER_BYTES} bytes.")
    names = [name for name, _ in scope["headers"] if name in _ONE_VALUE]
    # A gateway may have joined two hosts into one (RFC 9112 section 3.2 wants both refused).
    names += [name for name, value in scope["headers"] if name == b"host" and b"," in value]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise RepeatedHeader(f"Send {repeated.decode()} once.")


def _too_large(*, ended: bool) -> BodyTooLarge:
    return BodyTooLarge(
        f"Send at most {MAX_BODY_BYTES} bytes.",
        extensions={"limit_bytes": MAX_BODY_BYTES},
        headers={} if ended else {"Connection": "close"},
    )
