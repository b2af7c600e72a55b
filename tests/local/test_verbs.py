"""The verbs of the Makefile, run as somebody types them."""

import os
import subprocess
from pathlib import Path

import pytest

from local.settings import ROOT

PREPARED = ("-o", ".venv/.installed", "-o", ".meridian/ministack/.installed")
"""The environments are here already, or no test would run: make must not look at them again."""


def make(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "MERIDIAN_HOME": str(home)}  # noqa: TID251 - a shell's
    return subprocess.run(
        ["make", "--no-print-directory", *PREPARED, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [
        ("status", "Meridian does not run here: start it with `make up`."),
        ("trace", "Name an order: make trace o=ord_... (make demo prints one)."),
        ("logs", "There is no log of anything; there are none yet: start with `make up`."),
    ],
)
def test_a_verb_that_cannot_be_done_now_says_what_to_do_in_one_sentence(
    tmp_path: Path, verb: str, sentence: str
) -> None:
    done = make(tmp_path / "home", verb)
    assert done.stderr.splitlines()[0] == sentence


def test_stopping_what_does_not_run_is_no_failure(tmp_path: Path) -> None:
    done = make(tmp_path / "home", "down")
    assert (done.returncode, done.stdout) == (0, "Nothing was running.\n")
