"""The code of another commit, beside this tree's."""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from local.settings import ROOT


class CommitMissing(Exception):
    """This clone does not hold the commit."""


def unpack(commit: str, folder: Path) -> None:
    """Write the files of a commit into a folder.

    Raises:
        CommitMissing: this clone does not hold the commit.
    """
    archive = subprocess.run(
        ["git", "archive", commit],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        said = archive.stderr.decode().strip()
        raise CommitMissing(f"{commit} cannot be unpacked ({said}): fetch the whole history first")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
