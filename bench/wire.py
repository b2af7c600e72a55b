"""The smallest HTTP/1.1 client that keeps connections open: a comfortable one would be slower than what it measures."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import urlsplit

from typing_extensions import override

_HEAD_END: Final = b"\r\n\r\n"
_WITHOUT_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class BadAnswer(Exception):
    """The other side sent something this client does not read, or hung up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Load:
    """What a burst of requests brought: how many, in how many seconds, and each one's own seconds."""

    seconds: float
    latencies: list[float]
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds


def request_bytes(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Write a request as it goes over the wire."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _HEAD_END + body


def parse(buffer: bytes) -> Answer | None:
    """Read one whole answer; None while some of it is still to come.

    Raises:
        BadAnswer: its length is not given by `Content-Length`.
    """
    end = buffer.find(_HEAD_END)
    if end < 0:
        return None
    status_line, *lines = buffer[:end].decode("latin-1").split("\r\n")
    status = int(status_line.split(" ", 2)[1])
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    if status in _WITHOUT_BODY:
        return Answer(status, headers, b"")
    if "content-length" not in headers:
        raise BadAnswer(f"an answer {status} without a length")
    start = end + len(_HEAD_END)
    length = int(headers["content-length"])
    if len(buffer) < start + length:
        return None
    return Answer(status, headers, buffer[start : start + length])


class Connection(asyncio.Protocol):
    """One connection that is kept; one request at a time. A protocol, because streams would cost three times as much."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, url: str, source: str | None = None) -> "Connection":
        """Connect to the host and port of an address, from `source` if it is given."""
        parts = urlsplit(url)
        local = None if source is None else (source, 0)
        loop = asyncio.get_running_loop()
        _, opened = await loop.create_connection(
            cls, parts.hostname or "", parts.port or 80, local_addr=local
        )
        return opened

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and read its answer.

        Raises:
            BadAnswer: the connection was closed, or the answer is not understood.
        """
        if self._transport is None:
            raise BadAnswer("the connection was closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # what a TCP connection has

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            answer = parse(self._buffer)
        except BadAnswer as error:
            self._fail(error)
            return
        if answer is not None and self._answer is not None and not self._answer.done():
            self._buffer = b""
            self._answer.set_result(answer)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(BadAnswer("the connection was closed"))

    def _fail(self, error: BadAnswer) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


async def flood(url: str, request: bytes, *, connections: int, seconds: float, most: int) -> Load:
    """Repeat one request on several connections for some seconds, or until `most` were answered."""
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    opened = [await Connection.open(url) for _ in range(connections)]
    began = time.perf_counter()

    async def repeat(connection: Connection) -> None:
        while len(latencies) < most and time.perf_counter() - began < seconds:
            sent = time.perf_counter()
            answer = await connection.exchange(request)
            latencies.append(time.perf_counter() - sent)
            statuses[answer.status] += 1

    try:
        async with asyncio.TaskGroup() as together:
            for connection in opened:
                together.create_task(repeat(connection))
    finally:
        for connection in opened:
            connection.close()
    return Load(time.perf_counter() - began, latencies, statuses)
