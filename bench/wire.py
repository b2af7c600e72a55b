"""The smallest HTTP/1.1 client that keeps connections open: a comfortable one would be slower than what it measures."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

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


class Connection:
    """One connection that is kept; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str, source: str | None = None) -> "Connection":
        """Connect to the host and port of an address, from `source` if it is given."""
        parts = urlsplit(url)
        local = None if source is None else (source, 0)
        opened = await asyncio.open_connection(parts.hostname, parts.port, local_addr=local)
        return cls(*opened)

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and read its answer.

        Raises:
            BadAnswer: the connection was closed, or the answer is not understood.
        """
        self._writer.write(request)
        buffer = b""
        while True:
            chunk = await self._reader.read(65_536)
            if not chunk:
                raise BadAnswer("the connection was closed")
            buffer += chunk
            answer = parse(buffer)
            if answer is not None:
                return answer

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


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
