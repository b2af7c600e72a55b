import socket

import httpx
import pytest

from libs.web.transport import CallTransport


def describing(nothing: socket.socket | None, name: str) -> object:
    """Ask a socket for something, as anyio does with one that is gone."""
    return getattr(nothing, name)


@pytest.mark.parametrize(
    ("asked", "heard"), [("getpeername", httpx.ConnectError), ("misspelt", AttributeError)]
)
async def test_a_connection_that_is_gone_before_it_is_described_is_a_connection_error(
    monkeypatch: pytest.MonkeyPatch, asked: str, heard: type[Exception]
) -> None:
    async def send(_: object, __: httpx.Request) -> httpx.Response:
        describing(None, asked)
        return httpx.Response(200)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", send)
    async with httpx.AsyncClient(transport=CallTransport()) as http:
        with pytest.raises(heard):
            await http.get("http://127.0.0.1:9/")
