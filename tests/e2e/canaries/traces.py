"""Everything a shop leaves behind: logs, spans, metrics, rows, queues, dead letters, Redis."""

import gzip
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import asyncpg
import httpx
import redis.asyncio as redis
from typing_extensions import override

from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.routing import Routing
from libs.topology import LOCAL_PORTS, MASTER_REGION, SERVICES, schema_of
from tests.e2e.stack import Stack

_TABLES: Final = """
SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace
AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname
"""
_MOST_LETTERS: Final = 1_000


@dataclass
class Spans:
    """What the services sent to their collector, as it came."""

    bodies: list[bytes] = field(default_factory=list)

    def text(self) -> str:
        return b"\n".join(self.bodies).decode("utf-8", "replace")


@contextmanager
def collector() -> Iterator[tuple[Spans, str]]:
    """Receive spans and metrics (OTLP over HTTP)."""
    spans = Spans()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            spans.bodies.append(gzip.decompress(body) if zipped else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, *_: object) -> None:
            """Tell nobody."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield spans, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@dataclass
class Watched:
    """A stack all of whose traces can be read."""

    stack: Stack
    spans: Spans
    redis_url: str

    def port(self, part: str) -> int:
        return LOCAL_PORTS[part] + int(self.stack.environment["PORT_OFFSET"])

    def logs(self) -> dict[str, str]:
        """Return what every process wrote."""
        folder = self.stack.home / "meridian" / "logs"
        return {file.stem: file.read_text(errors="replace") for file in folder.glob("*.log")}

    async def columns(self) -> Mapping[str, str]:
        """Return every value of every column (`auth.identities.id`) of the six schemas; bytes are in hexadecimal."""
        connection = await asyncpg.connect(self.stack.database)
        try:
            return {
                f"{service}.{table}.{name}": text
                for service in SERVICES
                for (table,) in await connection.fetch(_TABLES, schema_of(service))
                for name, text in await connection.fetch(
                    f"SELECT m.key, string_agg(m.value, E'\\n') FROM {schema_of(service)}.{table} t,"  # noqa: S608 - PostgreSQL's own names
                    " jsonb_each_text(to_jsonb(t)) m WHERE m.value IS NOT NULL GROUP BY m.key"
                )
            }
        finally:
            await connection.close()

    async def cached(self) -> str:
        """Return every key of Redis, with its value."""
        async with redis.Redis.from_url(self.redis_url) as server:
            keys = [key async for key in server.scan_iter()]
            return "\n".join([f"{key!r} {await _value(server, key)!r}" for key in keys])

    async def metrics(self, http: httpx.AsyncClient) -> str:
        """Return the metrics pages of all services."""
        return "\n".join(
            [(await http.get(f"http://127.0.0.1:{self.port(s)}/metrics")).text for s in SERVICES]
        )

    @property
    def broker_url(self) -> str:
        """The emulator's own address, past what makes its messages come twice."""
        return f"http://127.0.0.1:{self.port('ministack')}"

    async def mails(self, http: httpx.AsyncClient) -> str:
        """Return what was sent to customers."""
        return (await http.get(f"{self.broker_url}/_ministack/ses/messages")).text

    async def letters(self) -> Mapping[str, list[str]]:
        """Return what lies in each queue and in its dead letters, and leave it there."""
        async with open_broker(
            region=MASTER_REGION, endpoint_url=self.broker_url, prefix="meridian"
        ) as broker:
            names = [
                name
                for queue in Routing.load().all_queues()
                for name in (queue.name, queue.dead_letter)
            ]
            return {name: [one async for one in _letters_in(broker, name)] for name in names}


async def _letters_in(broker: AwsBroker, queue: str) -> AsyncIterator[str]:
    for _ in range(_MOST_LETTERS):
        batch = await broker.receive(queue, limit=10, wait_seconds=0, visibility_seconds=60)
        if not batch:
            return
        for letter in batch:
            yield f"{letter.attributes} {letter.body}"


async def _value(server: Any, key: bytes) -> object:
    kind = (await server.type(key)).decode()
    readers = {"string": server.get, "hash": server.hgetall, "set": server.smembers}
    if kind in readers:
        return await readers[kind](key)
    return await server.zrange(key, 0, -1, withscores=True)
