"""Fetches auth's keys inside the VPC: by the public name, which the certificate bears, at the internal load balancer."""

import httpx
from typing_extensions import override


class AtAddress(httpx.AsyncBaseTransport):
    """Sends requests to one address; the name asked for stays in the Host header and is what the certificate has to prove."""

    def __init__(self, address: str, transport: httpx.AsyncBaseTransport) -> None:
        self._address = address
        self._transport = transport

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host=self._address)
        return await self._transport.handle_async_request(request)

    @override
    async def aclose(self) -> None:
        await self._transport.aclose()


def key_client(address: str | None) -> httpx.AsyncClient:
    """Open the client that fetches keys, past DNS if an address is given."""
    if address is None:
        return httpx.AsyncClient()
    return httpx.AsyncClient(transport=AtAddress(address, httpx.AsyncHTTPTransport()))
