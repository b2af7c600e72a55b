"""What Docker's own reader and a linter say about the Compose files."""

import pytest

from tests.architecture.applications import ROOT
from tests.deploy.programs import CHECKS, compose, program, run

pytestmark = pytest.mark.tools

FILES = ["docker-compose.yml", "docker-compose.dev.yml"]


@pytest.mark.parametrize("files", [FILES[:1], FILES], ids=len)
def test_compose_reads_the_files_without_a_warning(files: list[str]) -> None:
    options = [word for file in files for word in ("--file", file)]
    command = [*compose(), *options, "--env-file", ".env.example", "--profile", "observability"]
    told = run([*command, "config", "--quiet"])
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize("file", FILES)
def test_dclint_finds_no_fault(file: str) -> None:
    rules = str(CHECKS / "dclint.yaml")
    told = run([program("dclint"), "--config", rules, "--max-warnings", "0", str(ROOT / file)])
    assert told.returncode == 0, told.stdout + told.stderr
