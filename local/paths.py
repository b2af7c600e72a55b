"""Where the local stack keeps everything: one ignored folder that `reset` removes."""

import os
from dataclasses import dataclass
from pathlib import Path

from local.refusal import Refusal


@dataclass(frozen=True)
class Paths:
    """The folders and files below the state folder (`.meridian` unless `MERIDIAN_HOME` says otherwise)."""

    home: Path

    @property
    def secrets(self) -> Path:
        """Passwords and keys, readable by their owner only."""
        return self.home / "secrets"

    @property
    def data(self) -> Path:
        """One folder per part that keeps data."""
        return self.home / "data"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Generated configuration of this start."""
        return self.home / "run"

    @property
    def backups(self) -> Path:
        """Copies of the database."""
        return self.home / "backups"

    @property
    def wal_archive(self) -> Path:
        """The database's log since the first backup; while the folder is missing, none is kept."""
        return self.backups / "wal"

    @property
    def state(self) -> Path:
        """Who is running: process ids with their start times."""
        return self.home / "state.json"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this folder."""
        return self.home / "lock"

    def log_of(self, name: str) -> Path:
        """Name the file a process writes its output to."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Create the folders.

        Raises:
            Refusal: the state folder cannot be written.
        """
        try:
            for folder in (self.home, self.data, self.logs, self.run):
                folder.mkdir(parents=True, exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
            probe = self.home / ".writable"
            probe.write_text("", encoding="utf-8")
            probe.unlink()
        except OSError as error:
            raise Refusal(
                f"{self.home} cannot be written ({os.strerror(error.errno or 0)}): "
                f"make it writable or set MERIDIAN_HOME to another folder."
            ) from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
