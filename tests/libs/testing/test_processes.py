from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from libs.testing.processes import ServiceProcess, start_process
from libs.testing.servers import free_port, http_answers

PROGRAM = """
import http.server, os, signal, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["GREETING"].encode())

signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ServiceProcess]:
    port = free_port()
    process = start_process(
        ["-c", PROGRAM],
        {"PORT": str(port), "GREETING": "hello"},
        f"http://127.0.0.1:{port}",
        tmp_path / "log",
    )
    yield process
    process.kill()


def test_a_process_is_ready_when_it_is_handed_over(running: ServiceProcess) -> None:
    assert httpx.get(f"{running.url}/x").text == "hello"
    assert running.pid == running.process.pid
    assert "GET /livez" in running.log()


def test_stopping_waits_for_the_process_and_tells_its_status(running: ServiceProcess) -> None:
    running.pause()
    running.resume()
    running.pause()
    assert running.stop() == 7
    assert not http_answers(running.url)


def test_a_process_that_ends_at_once_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="boom"):
        start_process(["-c", "raise SystemExit('boom')"], {}, "http://127.0.0.1:9", tmp_path / "l")
