"""Response headers that make browsers and caches careful by default."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
)
_UNLESS_SET: Final = (
    # An API serves nothing a browser should run, frame, or take for a page of ours.
    (
        b"content-security-policy",
        b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
    ),
    # Whoever forgets to say how an answer may be cached has it not cached.
    (b"cache-control", b"private, no-store"),
)


class SecurityHeaders:
    """Adds what ASVS 5.0 V3.4 asks of an API, and `Cache-Control: private, no-store` where a route says nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", ())
                names = {name.lower() for name, _ in own}
                missing = [one for one in _UNLESS_SET if one[0] not in names]
                message = {**message, "headers": [*own, *_ALWAYS, *missing]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
