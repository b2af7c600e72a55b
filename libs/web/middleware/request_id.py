"""Names every request, or keeps the name a trusted hop gave it."""

import re
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.ids import new_id
from libs.observability.context import bind
from libs.web.middleware.scopes import header_of, without

_HEADER: Final = b"x-request-id"
_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class RequestId:
    """Accepts a safe `X-Request-Id`, else makes one, and echoes it on every answer.

    The id also becomes the correlation id, so that messages the request causes can be found by it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = header_of(scope, _HEADER)
        request_id = sent if sent is not None and _SAFE.fullmatch(sent) else new_id("req")
        echo = (_HEADER, request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = without(message.get("headers", ()), frozenset({_HEADER}))
                message = {**message, "headers": [*kept, echo]}
            await send(message)

        with bind(request_id=request_id, correlation_id=request_id):
            await self._app(scope, receive, send_with_id)
