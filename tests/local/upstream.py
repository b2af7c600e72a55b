"""A stand-in for the six services: publishes the test key and tells what of a request reached it."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc.jwk import RSAKey
from typing_extensions import override


@dataclass
class Upstream:
    """Where it listens, and how often each method and path was asked for.

    A path that ends in `/break` has its connection closed without an answer; `/slow` takes two seconds, `/busy` answers 503.
    `/events` sends one event, and a second one when `go_on` is set.
    """

    port: int
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    go_on: threading.Event = field(default_factory=threading.Event)


@contextmanager
def running_upstream(key: RSAKey) -> Iterator[Upstream]:
    """Serve on a free port until the block ends."""
    jwks = json.dumps({"keys": [key.as_dict(private=False)]}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            upstream.calls[self.command, path] += 1
            if path.endswith("/break"):
                self.close_connection = True
                return
            if path.endswith("/events"):
                self._stream()
                return
            if path.endswith("/slow"):
                time.sleep(2)
            seen = {name.lower(): value for name, value in self.headers.items()}
            body = jwks if path.endswith("jwks.json") else json.dumps(seen).encode()
            self.send_response(503 if path.endswith("/busy") else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the edge gave up on a slow answer
                self.wfile.write(body)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"9\r\ndata: 1\n\n\r\n")
            self.wfile.flush()
            upstream.go_on.wait(10)
            self.wfile.write(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

        do_GET = _answer  # noqa: N815 - the names http.server calls
        do_POST = _answer  # noqa: N815 - as above

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    upstream = Upstream(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
