"""How requests are taken in from real sockets: too large, too slow, cut short, addressed to nowhere."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from libs.web.middleware.intake import MAX_BODY_BYTES
from libs.web.strict import RequestModel
from tests.libs.web.conftest import AppOf, client_of, serving


class Text(RequestModel):
    text: str


class Counter:
    """Counts the requests that reached the operation."""

    def __init__(self) -> None:
        self.calls = 0

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.post("/texts")
        async def write(body: Text) -> int:
            self.calls += 1
            return len(body.text)

        return router


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def app(app_of: AppOf, counter: Counter) -> FastAPI:
    return app_of(counter.router())


def body_of(size: int) -> bytes:
    return json.dumps({"text": "x" * (size - len('{"text": ""}'))}).encode()


async def chunked(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]


async def test_a_body_of_exactly_the_limit_is_taken(app: FastAPI) -> None:
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        for content in (body_of(MAX_BODY_BYTES), chunked(body_of(MAX_BODY_BYTES))):
            answer = await client.post(
                "/texts", content=content, headers={"content-type": "application/json"}
            )
            assert answer.status_code == 200


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 400_000, 30_000_000])
async def test_a_larger_body_is_refused_whether_or_not_its_length_is_declared(
    app: FastAPI, counter: Counter, size: int
) -> None:
    body = body_of(size)
    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        for content in (body, chunked(body)):
            answer = await client.post(
                "/texts", content=content, headers={"content-type": "application/json"}
            )
            assert answer.status_code == 413
            assert answer.json()["code"] == "body_too_large"
            assert answer.json()["limit_bytes"] == MAX_BODY_BYTES
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert counter.calls == 0


async def test_a_client_that_asks_before_sending_too_much_is_told_not_to(app: FastAPI) -> None:
    async with serving(app) as address:
        answer = await raw(
            address,
            b"POST /texts HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: 9999999\r\n\r\n",
        )
    assert answer.startswith(b"HTTP/1.1 413")


async def test_a_body_without_end_is_cut_off(app: FastAPI, counter: Counter) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b"x" * 65_536

    async with serving(app) as address, httpx.AsyncClient(base_url=address) as client:
        with contextlib.suppress(httpx.TransportError):  # the reset may overtake the answer
            answer = await client.post(
                "/texts", content=endless(), headers={"content-type": "application/json"}
            )
            assert answer.status_code == 413
    assert counter.calls == 0
    assert sent < 100_000_000


async def test_a_body_that_does_not_arrive_in_time_is_refused(
    app: FastAPI, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.web.middleware.intake._READ_SECONDS", 0.1)
    async with serving(app) as address:
        answer = await raw(
            address,
            b"POST /texts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b'Content-Length: 100\r\n\r\n{"text": ',
        )
    assert b"408" in answer.split(b"\r\n")[0]
    assert b"body_too_slow" in answer
    assert counter.calls == 0


async def test_a_client_that_leaves_in_the_middle_of_its_body_starts_nothing(
    app: FastAPI, counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(app) as address:
        split = urlsplit(address)
        _, writer = await asyncio.open_connection(split.hostname, split.port)
        writer.write(
            b"POST /texts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b'Content-Length: 13\r\n\r\n{"text":'
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        async with httpx.AsyncClient(base_url=address) as client:
            assert (await client.post("/texts", json={"text": "a"})).json() == 1
    assert counter.calls == 1
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("target", ["/a%00b", "/x?q=a%00b", "/x?%00=1"])
async def test_nul_characters_in_the_address_are_refused(app: FastAPI, target: str) -> None:
    async with client_of(app) as client:
        answer = await client.get(target)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_target")


async def test_an_endless_address_is_refused(app: FastAPI) -> None:
    async with client_of(app) as client:
        answer = await client.get("/texts", params={"q": "x" * 9000})
    assert (answer.status_code, answer.json()["code"]) == (414, "target_too_long")
    assert len(answer.json()["instance"]) <= 200


async def raw(address: str, request: bytes) -> bytes:
    split = urlsplit(address)
    reader, writer = await asyncio.open_connection(split.hostname, split.port)
    writer.write(request)
    await writer.drain()
    try:
        async with asyncio.timeout(30):
            return await reader.read(65_536)
    finally:
        writer.close()
        await writer.wait_closed()
