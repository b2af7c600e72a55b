"""Runs the local stack in a folder and on ports of its own."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import psutil
import pytest

from libs.testing.servers import running_unruly
from libs.testing.settings import TestEnvironment
from libs.testing.staff import Administrator
from libs.testing.unruly import Unruliness
from libs.testing.waiting import comes_true
from libs.topology import DATABASE_NAME, LOCAL_PORTS
from tests.architecture.applications import ROOT

START_SECONDS: Final = 120
PORT_OFFSETS: Final = range(15_000, 22_000, 200)
"""Below the ports the kernel gives to outgoing connections."""

OVERRIDES: Final = """
RATE_LIMIT_REQUESTS=1000000
LOGIN_ATTEMPTS_PER_ADDRESS=100000
REGISTRATIONS_PER_ADDRESS=100000
BROWSING_SECONDS=60
BUYING_SECONDS=60
"""
"""Every shopper of these tests comes from one address, and a busy machine is no reason to refuse them."""

PATIENCE: Final = """
DATABASE_CONNECTION_SECONDS=20
DATABASE_LOCK_SECONDS=20
DATABASE_STATEMENT_SECONDS=20
REDIS_SECONDS=20
CALL_SECONDS=20
"""
"""What nobody has who tests how long a part that is away is waited for."""


@dataclass
class Stack:
    """A running stack: its supervisor, its folder, its gateway's address, and what has to end with it."""

    process: subprocess.Popen[bytes]
    home: Path
    environment: dict[str, str]
    gateway: str
    beside: ExitStack

    @cached_property
    def administrator(self) -> Administrator:
        """Who may do everything."""
        return administrator_of(self.home, int(self.environment["PORT_OFFSET"]))

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

    def stop(self) -> None:
        """Press Ctrl-C, and see that it is heard and leaves nothing behind."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        assert family
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(START_SECONDS)
        self.beside.close()
        assert status == 0, self.log()
        assert psutil.wait_procs(family, START_SECONDS)[1] == []

    def pid_of(self, part: str) -> int:
        state = json.loads((self.home / "meridian" / "state.json").read_text())
        return int(state["parts"][part]["pid"])

    def log(self) -> str:
        return (self.home / "up.log").read_text(errors="replace")


def administrator_of(home: Path, offset: int) -> Administrator:
    """Return the administrator of the stack below `home`, as they log in at its own address."""
    known = json.loads((home / "meridian" / "secrets" / "secrets.json").read_text())
    issuer = f"http://localhost:{LOCAL_PORTS['gateway'] + offset}"
    return Administrator(
        "admin@meridian.example", known["admin_password"], known.get("admin_totp", ""), issuer
    )


def start_stack(
    home: Path,
    *options: str,
    offset: int | None = None,
    root: Path = ROOT,
    settings: Mapping[str, str] | None = None,
) -> Stack:
    """Start a stack below `home`, a second time on its old ports, and return once it sells.

    Its messages come twice and out of order more often than any emulator would deliver them.
    """
    offset = offset or free_offset()
    beside = ExitStack()
    emulator = f"http://127.0.0.1:{LOCAL_PORTS['ministack'] + offset}"
    proxy = beside.enter_context(running_unruly(emulator, Unruliness(seed=offset)))
    (home / "overrides.env").write_text(OVERRIDES + PATIENCE)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},  # noqa: TID251 - for a child
        "PYTHONPATH": str(root),
        "MERIDIAN_HOME": str(home / "meridian"),
        "MERIDIAN_ENV_FILE": str(home / "overrides.env"),
        "MINISTACK_PYTHON": str(TestEnvironment().ministack_python),
        "PORT_OFFSET": str(offset),
        "MESSAGING_PROXY_URL": proxy,
        **(settings or {}),
    }
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", *options],
            cwd=root,
            env=environment,
            stdout=log,
            stderr=log,
        )
    stack = Stack(process, home, environment, f"http://127.0.0.1:{8080 + offset}", beside)
    _wait_until_it_sells(stack)
    return stack


def free_offset() -> int:
    """Find a range of ports nobody listens on, and that no other worker of this test run looks at."""
    us = TestEnvironment()
    mine = PORT_OFFSETS[int(us.pytest_xdist_worker[2:]) :: us.pytest_xdist_worker_count]
    for offset in random.sample(mine, len(mine)):
        if all(_is_free(port + offset) for port in (*range(8080, 8180), *LOCAL_PORTS.values())):
            return offset
    pytest.fail("no range of free ports for a second stack")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _wait_until_it_sells(stack: Stack) -> None:
    if not comes_true(lambda: "make demo" in stack.log(), START_SECONDS, stack.process):
        stack.process.kill()
        pytest.fail(f"the stack did not start:\n{stack.log()}")
