"""What an alarm or a refusal tells somebody to do can be done: commands, verbs and pages it names exist."""

import re
import subprocess
import sys
from typing import Final

import pytest

from deploy.terraform.layout import TERRAFORM
from tests.architecture.applications import ROOT

TEXTS: Final = {
    file: file.read_text()
    for folder in ("modules", "stacks")
    for file in sorted((TERRAFORM / folder).rglob("*.tf"))
}
PROGRAM: Final = re.compile(r"python -m ([a-z_]+(?:\.[a-z_]+)+(?: [a-z-]+)*)")
VERB: Final = re.compile(r"\b[Rr]un make ([a-z-]+)")
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
