"""Takes the whole request in, within limits, before anything works on it."""

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.web.errors import BodyTooLarge, BodyTooSlow, InvalidTarget, TargetTooLong
from libs.web.middleware.scopes import header_of

MAX_BODY_BYTES: Final = 256 * 1024
_MAX_TARGET_BYTES: Final = 8 * 1024
_READ_SECONDS: Final = 10.0


class BufferedBody:
    """An ASGI `receive` that hands out a body that was read before, as often as it is rewound."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body = body
        self._receive = receive
        self._given = False

    async def __call__(self) -> Message:
        if self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    def rewind(self) -> None:
        """Give the body out once more."""
        self._given = False


class Intake:
    """Refuses addresses that cannot exist, and bodies that are too large, too slow or cut short.

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
        _check_declared_length(scope)
        try:
            async with asyncio.timeout(_READ_SECONDS):
                body = await _read(receive)
        except TimeoutError:
            raise BodyTooSlow(
                f"Send the whole body within {_READ_SECONDS:.0f} seconds.",
                headers={"Connection": "close"},
            ) from None
        await self._app(scope, BufferedBody(body, receive), send)


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _check_target(scope: Scope) -> None:
    query: bytes = scope["query_string"]
    if len(query) + len(scope["path"]) > _MAX_TARGET_BYTES:
        raise TargetTooLong(f"Keep path and query within {_MAX_TARGET_BYTES} bytes.")
    # PostgreSQL has no NUL in text; refused here, no query needs to think of it.
    if "\x00" in scope["path"] or b"%00" in query or b"\x00" in query:
        raise InvalidTarget("Leave out the NUL character.")


def _check_declared_length(scope: Scope) -> None:
    length = header_of(scope, b"content-length")
    if length is not None and length.isdigit() and int(length[:18]) > MAX_BODY_BYTES:
        raise _too_large()


def _too_large() -> BodyTooLarge:
    # The rest of the body is not worth reading, so the connection ends with this answer.
    return BodyTooLarge(
        f"Send at most {MAX_BODY_BYTES} bytes.",
        extensions={"limit_bytes": MAX_BODY_BYTES},
        headers={"Connection": "close"},
    )
