"""Runs a Python module and starts it anew whenever the source below this folder changes: `python -m local.reload MODULE ...`.

For containers with the source mounted (`docker-compose.dev.yml`). It looks at modification times, because change
notifications do not reach a container on every platform, and needs nothing but the standard library.
"""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 0.5
STOP_SECONDS: Final = 10.0


def source_times(folder: Path) -> Mapping[Path, int]:
    """Return when each source file was changed, in nanoseconds; a file that vanishes meanwhile is left out."""
    times: dict[Path, int] = {}
    for pattern in ("*.py", "*.json"):
        for path in folder.rglob(pattern):
            try:
                times[path] = path.stat().st_mtime_ns
            except FileNotFoundError:
                continue
    return times


def run_and_reload(folder: Path, command: Sequence[str], told_to_stop: threading.Event) -> int:
    """Keep one process of `command` running until told to stop; return the status of the last.

    A process that ended by itself is not started again before the source changes: the mistake that ended it is still there.
    """
    seen = source_times(folder)
    process = subprocess.Popen(command)
    while not told_to_stop.wait(LOOK_SECONDS):
        now = source_times(folder)
        if now == seen:
            continue
        changed = sorted(str(path) for path, _ in now.items() ^ seen.items())
        sys.stderr.write(f"{changed[0]} changed: starting again\n")
        seen = now
        _stop(process)
        process = subprocess.Popen(command)
    return _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT."""
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_stop.set())
    return run_and_reload(Path.cwd(), [sys.executable, "-m", *arguments], told_to_stop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
