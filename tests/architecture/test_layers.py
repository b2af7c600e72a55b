"""Import rules: the contracts stand in pyproject.toml; `make check` runs them as well."""

import subprocess
import sys

from tests.architecture.applications import ROOT


def test_every_import_contract_is_kept() -> None:
    linter = ROOT / ".venv" / "bin" / "lint-imports"
    command = (
        str(linter) if linter.exists() else str(sys.executable).replace("python", "lint-imports")
    )
    finished = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-2000:]
