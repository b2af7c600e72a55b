"""HEAD wherever GET is (RFC 9110 section 9.1), without a second route for each."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Runs HEAD requests as GET and sends the headers only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        answered = False

        async def send_headers(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                answered = True

        async def receive_until_answered() -> Message:
            # A stream would go on into the void: it stops when it believes that the client left.
            return {"type": "http.disconnect"} if answered else await receive()

        # A copy: the server looks at its own scope to know that HEAD has no body.
        as_get = {**scope, "method": "GET"}
        try:
            await self._app(as_get, receive_until_answered, send_headers)
        finally:
            scope.update({key: as_get[key] for key in as_get.keys() - {"method"}})
