"""Starts the local stack once, in a folder and on ports of its own, and a client for its gateway."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from libs.testing.settings import TestEnvironment
from libs.topology import DATABASE_NAME, LOCAL_PORTS
from tests.architecture.applications import ROOT
from tests.e2e.shopper import Shopper

START_SECONDS: Final = 120
STOP_SECONDS: Final = 10
PORT_OFFSETS: Final = {"gw0": 20_000, "gw1": 21_000}

OVERRIDES: Final = """
RATE_LIMIT_REQUESTS=1000000
LOGIN_ATTEMPTS_PER_ADDRESS=100000
REGISTRATIONS_PER_ADDRESS=100000
"""
"""Every shopper of these tests comes from one address."""


@dataclass
class Stack:
    """A running stack: its supervisor, its folder and its gateway's address."""

    process: subprocess.Popen[bytes]
    home: Path
    environment: dict[str, str]
    gateway: str

    @property
    def database(self) -> str:
        """The shop's database, as its administrator."""
        secrets = json.loads((self.home / "meridian" / "secrets" / "secrets.json").read_text())
        port = LOCAL_PORTS["postgres"] + int(self.environment["PORT_OFFSET"])
        return f"postgresql://postgres:{secrets['postgres']}@127.0.0.1:{port}/{DATABASE_NAME}"

    def command(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a verb of the local stack against this one."""
        return subprocess.run(
            [sys.executable, "-m", "local", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def stop(self) -> float:
        """Press Ctrl-C and return how many seconds it took until everything was gone."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_SECONDS)
        return time.monotonic() - began

    def log(self) -> str:
        return (self.home / "up.log").read_text(errors="replace")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, worker: str) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    (home / "overrides.env").write_text(OVERRIDES)
    offset = PORT_OFFSETS.get(worker, 22_000)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},  # noqa: TID251 - for a child
        "PYTHONPATH": str(ROOT),
        "MERIDIAN_HOME": str(home / "meridian"),
        "MERIDIAN_ENV_FILE": str(home / "overrides.env"),
        "MINISTACK_PYTHON": str(TestEnvironment().ministack_python),
        "PORT_OFFSET": str(offset),
    }
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    running = Stack(process, home, environment, f"http://127.0.0.1:{8080 + offset}")
    try:
        _wait_until_it_sells(running)
        yield running
    finally:
        if process.poll() is None:
            running.stop()


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=120)
    async with httpx.AsyncClient(base_url=stack.gateway, timeout=60, limits=limits) as client:
        yield client


@pytest.fixture
async def admin(stack: Stack, http: httpx.AsyncClient) -> Shopper:
    password = (stack.home / "meridian" / "secrets" / "admin-password").read_text().strip()
    return await Shopper(http).log_in("admin@meridian.example", password)


def _wait_until_it_sells(stack: Stack) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "make demo" not in stack.log():
        if stack.process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the stack did not start:\n{stack.log()}")
        time.sleep(0.2)
