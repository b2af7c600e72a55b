"""What an alarm or a refusal tells somebody to do can be done: commands, verbs and pages it names exist."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from deploy.terraform.layout import TERRAFORM
from deploy.terraform.program import find_terraform
from tests.architecture.applications import ROOT

TEXTS: Final = {
    file: file.read_text()
    for folder in ("modules", "stacks")
    for file in sorted((TERRAFORM / folder).rglob("*.tf"))
}
PROGRAM: Final = re.compile(r"python -m ([a-z_]+(?:\.[a-z_]+)+(?: [a-z-]+)*)")
VERB: Final = re.compile(r"\b[Rr]un make ([a-z-]+)")
SECRET: Final = re.compile(r"\bTF_VAR_\w+")
PAGE: Final = re.compile(r"\b(docs/[a-z/-]+\.md)")


def named(pattern: re.Pattern[str]) -> list[str]:
    return sorted({found for text in TEXTS.values() for found in pattern.findall(text)})


@pytest.mark.parametrize("command", named(PROGRAM))
def test_a_program_that_is_named_knows_the_words_after_it(command: str) -> None:
    program = [sys.executable, "-m", *command.split(), "--help"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_pages_and_verbs_that_are_named_exist() -> None:
    assert named(PAGE)
    assert [page for page in named(PAGE) if not (ROOT / page).exists()] == []
    makefile = (ROOT / "Makefile").read_text()
    assert named(VERB)
    assert [verb for verb in named(VERB) if f"\n{verb}:" not in makefile] == []


def test_a_secret_that_is_to_be_exported_reaches_terraform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "terraform"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    pages = (ROOT / "docs" / "runbooks").glob("*.md")
    told = set(named(SECRET)) | {one for page in pages for one in SECRET.findall(page.read_text())}
    for name in told:
        monkeypatch.setenv(name, "secret")
    assert {"TF_VAR_admin_password", "TF_VAR_origin_secret"} <= told
    assert told <= find_terraform(tmp_path / "work").environment.keys()
