"""The HTTP transport of every call a service makes."""

import httpx
from typing_extensions import override


class CallTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, with one of its surprises turned into the error it is.

    When the other side resets a connection at the very moment it was accepted, anyio has no socket left to describe and
    raises `AttributeError`. Nobody expects that of a network: the caller would take it for a fault of its own, answer 500
    and keep an idempotency key claimed until its lease ends.
    """

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            httpx.ConnectError: the connection was gone before anything was sent.
            httpx.TransportError: whatever else went wrong.
        """
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            if error.name != "getpeername":
                raise
            raise httpx.ConnectError("reset while connecting", request=request) from error
