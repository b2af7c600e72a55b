"""One supervised process: how it is started, seen to be ready, watched and stopped."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from local.refusal import Refusal
from local.state import StateFile, record_of

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_LAST_LINES = 3


@dataclass(frozen=True)
class Part:
    """What it takes to run one process.

    Attributes:
        ready: returns True once the part does its work; called until then.
        user: numeric user to run as, for PostgreSQL, which refuses to run as root.
        stop_signal: what ends it in good order.
        stop_seconds: how long it may take before it is killed.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    folder: Path | None = None
    user: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 5.0
    ready_seconds: float = 90.0  # generous: a laptop may be compiling meanwhile


class Supervised:
    """A part and its current process."""

    def __init__(self, part: Part, state: StateFile) -> None:
        self.part = part
        self.restarts = 0
        self._state = state
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """True while the process has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> float:
        """Start the process and wait until it is ready; return the seconds it took.

        Raises:
            Refusal: it ended or was not ready in time; the sentence quotes its last words.
        """
        began = time.monotonic()
        self._process = await self._spawn()
        with contextlib.suppress(psutil.NoSuchProcess):
            self._state.put(
                record_of(
                    self.part.name,
                    self._process.pid,
                    port=self.part.port,
                    restarts=self.restarts,
                    stop_signal=self.part.stop_signal,
                )
            )
        await self._wait_until_ready(began + self.part.ready_seconds)
        return time.monotonic() - began

    async def _spawn(self) -> asyncio.subprocess.Process:
        log = os.open(self.part.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *self.part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.part.environment),
                cwd=self.part.folder,
                user=self.part.user,
                group=self.part.user,
                extra_groups=[] if self.part.user is not None else None,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone; it stops the others in order
                preexec_fn=die_with_parent(self.part.stop_signal),
            )
        finally:
            os.close(log)

    async def _wait_until_ready(self, deadline: float) -> None:
        while not await self.part.ready():
            if not self.running:
                raise Refusal(f"{self.part.name} ended while starting: {self.last_words()}")
            if time.monotonic() > deadline:
                raise Refusal(
                    f"{self.part.name} was not ready after {self.part.ready_seconds:.0f} s: "
                    f"{self.last_words()}"
                )
            await asyncio.sleep(0.05)

    async def ended(self) -> int:
        """Wait for the process to end and return its exit code (negative: the signal that ended it)."""
        if self._process is None:
            raise RuntimeError(f"{self.part.name} was never started")
        return await self._process.wait()

    async def stop(self) -> None:
        """End the process in good order, by force after `stop_seconds`."""
        process = self._process
        if process is None:
            return
        family = _descendants(process.pid)
        if process.returncode is None:
            _send(process.pid, self.part.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), self.part.stop_seconds)
            except TimeoutError:
                _send_group(process.pid, signal.SIGKILL)
                await process.wait()
        for orphan in family:
            with contextlib.suppress(psutil.Error):
                orphan.kill()
        self._state.forget(self.part.name)

    def kill(self) -> None:
        """End the process and its children at once."""
        if self._process is not None and self._process.returncode is None:
            for child in _descendants(self._process.pid):
                with contextlib.suppress(psutil.Error):
                    child.kill()
            _send(self._process.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """Return the last lines of the process's log, with the path for the rest."""
        try:
            text = self.part.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        lines = [line.strip()[:300] for line in text.splitlines() if line.strip()][-_LAST_LINES:]
        return f"{' | '.join(lines) or 'it said nothing'} (see {self.part.log})"


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _send_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """On Linux, have the kernel stop the child when the supervisor dies, even by `kill -9`.

    Elsewhere the state file is what the next start cleans up by. The closure only calls into an already loaded C
    library: between fork and exec little else is safe.
    """
    if _LIBC is None:
        return None
    libc, parent = _LIBC, os.getpid()

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was told
            os.kill(os.getpid(), number)

    return prepare
