"""Who is running: the instance lock, the state file, and ending what a killed supervisor left behind."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psutil

from local.paths import Paths
from local.refusal import Refusal

_START_TOLERANCE_SECONDS = (
    2.0  # the kernel's boot time may be corrected by a second between readings
)


@dataclass(frozen=True)
class Record:
    """One running process: enough to recognise it again after its number was given to somebody else."""

    name: str
    pid: int
    started: float
    executable: str
    port: int | None = None
    restarts: int = 0
    stop_signal: int = signal.SIGTERM

    def process(self) -> psutil.Process | None:
        """Return the process if it is still the one recorded, None if it is gone or another took its number."""
        try:
            found = psutil.Process(self.pid)
            same_start = abs(found.create_time() - self.started) < _START_TOLERANCE_SECONDS
            if (
                same_start
                and found.status() != psutil.STATUS_ZOMBIE
                and found.exe() == self.executable
            ):
                return found
        except psutil.Error:
            return None
        return None


def record_of(
    name: str,
    pid: int,
    *,
    port: int | None = None,
    restarts: int = 0,
    stop_signal: int = signal.SIGTERM,
) -> Record:
    """Describe a process that runs now.

    Raises:
        psutil.NoSuchProcess: it ended already.
    """
    process = psutil.Process(pid)
    return Record(name, pid, process.create_time(), process.exe(), port, restarts, int(stop_signal))


@dataclass(frozen=True)
class Snapshot:
    """What the state file holds.

    Attributes:
        supervisor: the process that holds the lock, or held it when it was killed.
        emulator_since: when the running emulator began with what it holds now (ISO 8601, UTC); messages sent
            since then are republished if it dies.
        clean: False while anything runs; True once a stop went through.
    """

    supervisor: Record | None = None
    parts: dict[str, Record] = field(default_factory=dict)
    emulator_since: str | None = None
    clean: bool = True


class StateFile:
    """Reads and writes the state file, whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.now = Snapshot()

    def read(self) -> Snapshot:
        """Read the last state written; a damaged or missing file is an empty state."""
        try:
            raw = json.loads(self._path.read_text(encoding="utf-8"))
            supervisor = Record(**raw["supervisor"]) if raw["supervisor"] else None
            parts = {name: Record(**record) for name, record in raw["parts"].items()}
            return Snapshot(supervisor, parts, raw["emulator_since"], bool(raw["clean"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Snapshot()

    def write(self, snapshot: Snapshot) -> None:
        """Replace the state."""
        self.now = snapshot
        partial = self._path.with_name(self._path.name + ".partial")
        partial.write_text(json.dumps(asdict(snapshot), indent=1), encoding="utf-8")
        partial.replace(self._path)

    def put(self, record: Record) -> None:
        """Add or replace one part."""
        self.write(replace(self.now, parts={**self.now.parts, record.name: record}, clean=False))

    def forget(self, name: str) -> None:
        """Remove one part that ended."""
        rest = {key: record for key, record in self.now.parts.items() if key != name}
        self.write(replace(self.now, parts=rest))


def running_supervisor(paths: Paths) -> psutil.Process | None:
    """Return the supervisor of this folder if one runs."""
    record = StateFile(paths.state).read().supervisor
    return record.process() if record else None


@contextmanager
def instance_lock(paths: Paths) -> Iterator[None]:
    """Hold the folder for one supervisor; the kernel lets go of it however the holder ends, so it is never stale.

    Raises:
        Refusal: another supervisor holds it.
    """
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode() or "unknown"
            raise Refusal(
                f"Meridian already runs here (process {holder}): "
                f"`make status` shows it, `make down` stops it."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def end_leftovers(records: Sequence[Record], *, patience_seconds: float = 6.0) -> list[str]:
    """Stop recorded processes, and their children, whose supervisor is gone; return the names of those found.

    A process is touched only if its start time and executable are the recorded ones.
    """
    found = [(record, process) for record in records if (process := record.process())]
    family = [child for _, process in found for child in _children(process)]
    for record, process in found:
        _signal(process, record.stop_signal)
    roots = [process for _, process in found]
    _, stubborn = psutil.wait_procs([*roots, *family], timeout=patience_seconds)
    for process in stubborn:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=2)
    return [record.name for record, _ in found]


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)  # psutil refuses if the number was reused since
    except psutil.NoSuchProcess:
        return
