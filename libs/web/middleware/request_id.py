"""Names every request, or keeps the name a trusted hop gave it."""

import re
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.ids import new_id
from libs.observability.context import bind
from libs.web.middleware.scopes import header_of, without

_HEADER: Final = b"x-request-id"
_SAFE: Final = re.compile(r"(?:[a-z]{2,5}[_-])?[0-9A-Fa-f]{8}[0-9A-Fa-f-]+")
"""What programs draw, a UUID or a prefix and hexadecimal digits: it is kept for years in logs, messages and the audit log,
so it must be nothing that could be anybody's name."""

_LONGEST: Final = 64


class RequestId:
    """Accepts an `X-Request-Id` that is random digits, else makes one, and echoes it on every answer.

    The id also becomes the correlation id, so that messages the request causes can be found by it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = header_of(scope, _HEADER)
        request_id = sent if sent is not None and _is_safe(sent) else new_id("req")
        echo = (_HEADER, request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = without(message.get("headers", ()), frozenset({_HEADER}))
                message = {**message, "headers": [*kept, echo]}
            await send(message)

        with bind(request_id=request_id, correlation_id=request_id):
            await self._app(scope, receive, send_with_id)


def _is_safe(request_id: str) -> bool:
    # Digits alone are nothing that programs draw, and may be the number of a card.
    drawn = _SAFE.fullmatch(request_id) is not None and not request_id.isdigit()
    return drawn and len(request_id) <= _LONGEST
