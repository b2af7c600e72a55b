"""Runs services as real processes, to kill, stop and race them."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from libs.testing.servers import http_answers
from libs.testing.waiting import comes_true

_REPOSITORY: Final = Path(__file__).parents[2]
_START_SECONDS: Final = 120
_STOP_SECONDS: Final = 60


@dataclass
class ServiceProcess:
    """One running process and where it listens."""

    process: subprocess.Popen[bytes]
    url: str
    log_file: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """End it without a chance to clean up (SIGKILL)."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Freeze it (SIGSTOP), as a long garbage collection or a stalled machine would."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit status.

        Raises:
            subprocess.TimeoutExpired: it did not end in time.
        """
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        return self.process.wait(_STOP_SECONDS)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")


def start_process(
    arguments: Sequence[str],
    environment: dict[str, str],
    url: str,
    log_file: Path,
    *,
    folder: Path = _REPOSITORY,
    seconds: float = _START_SECONDS,
) -> ServiceProcess:
    """Start `python <arguments>` in a folder and return once `url`/livez answers, within so many seconds.

    Raises:
        RuntimeError: it ended or did not answer; the message holds its log.
    """
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(_REPOSITORY), **environment},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    started = ServiceProcess(process, url, log_file)
    if not comes_true(lambda: http_answers(f"{url}/livez"), seconds, process):
        started.kill()
        raise RuntimeError(f"{' '.join(arguments)} did not start:\n{started.log()}")
    return started
