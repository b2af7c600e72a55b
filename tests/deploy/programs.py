"""Finds the programs that `make test-deploy` runs besides Python's; nobody has to have them, CI excepted."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from pydantic_settings import BaseSettings

from local.settings import inherited_environment
from tests.architecture.applications import ROOT

CHECKS: Final = ROOT / "deploy" / "checks"
NODE_MODULES: Final = CHECKS / "node_modules"

_PLACES: Final = (
    ROOT / ".meridian" / "tools" / "bin",
    ROOT / ".meridian" / "tools-debian" / "usr" / "bin",
    NODE_MODULES / ".bin",
)
_HOW_TO_GET: Final = {
    "checkov": "make tools",
    "cyclonedx-py": "make tools",
    "hadolint": "make tools",
    "dclint": "install Node 20 with npm, then make tools",
    "node": "install Node 20 with npm, then make tools",
    "promtool": "install Debian's package prometheus",
    "docker compose": "install Docker's Compose, version 2 or later",
}
_COMPOSE: Final = 2
_NOT_EVERYWHERE: Final = frozenset({"promtool", "docker compose"})
"""What neither pip nor npm brings: CI does without where its machine does."""


class _Machine(BaseSettings):
    ci: bool = False


def program(name: str) -> str:
    """Return the path of a program; where it is missing the test is skipped with one line, in CI it fails."""
    places = [*map(str, _PLACES), inherited_environment().get("PATH", "")]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None or (name == "node" and not NODE_MODULES.exists()):
        missing(name)
    return str(found)


def compose() -> list[str]:
    """Return the command of Docker's Compose, version 2 or later, as a plugin or by itself."""
    for command in (["docker", "compose"], ["docker-compose"]):
        try:
            told = run([*command, "version", "--short"])
        except FileNotFoundError:
            continue
        major = told.stdout.strip().lstrip("v").partition(".")[0]
        if told.returncode == 0 and major.isdigit() and int(major) >= _COMPOSE:
            return command
    missing("docker compose")
    return []


def missing(name: str) -> None:
    """Say how to get a program, as a skip, or where it has to be there as a failure."""
    sentence = f"{name} is not installed: {_HOW_TO_GET[name]}"
    if _Machine().ci and name not in _NOT_EVERYWHERE:
        pytest.fail(sentence)
    pytest.skip(sentence)


def run(
    command: list[str],
    *,
    folder: Path = ROOT,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = 240,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it said."""
    return subprocess.run(
        command,
        cwd=folder,
        input=stdin,
        env={**inherited_environment(), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
