"""AWS Lambda's side of its Runtime API: hands one event after the other to the process and keeps what it answers."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

_PATIENCE_SECONDS: Final = 60

STAGE: Final = "arn:aws:execute-api:us-east-1:111122223333:a1b2c3d4e5/live"


@dataclass(frozen=True)
class Outcome:
    """What the function said: `response` or `error`, and the document."""

    kind: str
    said: dict[str, Any]

    @property
    def effect(self) -> str:
        [statement] = self.said["policyDocument"]["Statement"]
        return str(statement["Effect"])


def event(*authorization: str, path: str = "/v1/me") -> dict[str, Any]:
    """What API Gateway sends to a REQUEST authorizer."""
    headers = {"Authorization": list(authorization)} if authorization else {}
    return {
        "type": "REQUEST",
        "methodArn": f"{STAGE}/GET{path}",
        "httpMethod": "GET",
        "path": path,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
    }


class Runtime:
    """The Runtime API on a free port."""

    def __init__(self) -> None:
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"

    def invoke(self, given: dict[str, Any]) -> Outcome:
        self._events.put(given)
        return self._outcomes.get(timeout=_PATIENCE_SECONDS)

    @contextmanager
    def running(self) -> Iterator["Runtime"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        events, outcomes = self._events, self._outcomes

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert self.path == "/2018-06-01/runtime/invocation/next"
                self._say(200, json.dumps(events.get()).encode())

            def do_POST(self) -> None:
                kind = self.path.removeprefix("/2018-06-01/runtime/invocation/one/")
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._say(202, b"{}")
                outcomes.put(Outcome(kind, json.loads(body)))

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "one")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            @override
            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet: a test's output is its own."""

        return Handler


@contextmanager
def function(folder: Path, environment: dict[str, str]) -> Iterator[Runtime]:
    """Start the function in a folder, as its image does, and end it."""
    with Runtime().running() as runtime:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge.authorizer"],
            cwd=folder,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": runtime.address},
        )
        try:
            yield runtime
        finally:
            process.kill()
            process.wait()
