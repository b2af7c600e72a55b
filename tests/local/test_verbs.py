"""The verbs of the Makefile, run as somebody types them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.settings import ROOT

PREPARED = ("-o", ".venv/.installed", "-o", ".meridian/ministack/.installed")
"""The environments are here already, or no test would run: make must not look at them again."""


def make(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "MERIDIAN_HOME": str(home)}  # noqa: TID251 - a shell's
    environment["MERIDIAN_ENV_FILE"] = str(home.with_name("none.env"))
    return subprocess.run(
        [shutil.which("make") or "make", "--no-print-directory", *PREPARED, *arguments],
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
        ("seed", "Meridian does not run here: start it with `make up`, then try again."),
        ("seed n=many", "Say how many products as a whole number: make seed n=100000"),
        ("seed n=-1", "Say how many products as a whole number: make seed n=100000"),
        ("dead-letters", "Meridian does not run here: start it with `make up`, then try again."),
        ("republish", "Say since when: make republish since=2026-01-31T12:00:00Z"),
        ("reconcile", "Say which day: make reconcile day=2026-01-31"),
        (
            "migration s=shop",
            "Name one of auth, user, product, cart, order, payment and say what changes:"
            ' make migration s=order m="add gift note"',
        ),
        ("backup", "Meridian does not run here: start it with `make up`, then try again."),
        (
            "restore",
            "Say which moment, with its zone: make restore to=2026-01-31T12:00:00Z",
        ),
        (
            "restore to=2026-01-31T12:00:00",
            "Say which moment, with its zone: make restore to=2026-01-31T12:00:00Z",
        ),
        (
            "restore to=2026-01-31T12:00:00Z",
            "There is no backup to start from: `make backup` takes one while the stack runs.",
        ),
        (
            "restore to=2026-01-31T12:00:00Z ADMIN_DATABASE_URL=postgresql://me@127.0.0.1:1/mine",
            "This stack uses your own PostgreSQL: restore it with its own means.",
        ),
        ("trace", "Name an order: make trace o=ord_... (make demo prints one)."),
        ("logs", "There is no log of anything; there are none yet: start with `make up`."),
        (
            "status PORT_OFFSET=x",
            "PORT_OFFSET in none.env or the environment should be a valid integer,"
            " unable to parse string as an integer.",
        ),
        (
            "status GATEWAY_PORT=0",
            "GATEWAY_PORT in none.env or the environment must be between 1 and 65535.",
        ),
    ],
)
def test_a_verb_that_cannot_be_done_now_says_what_to_do_in_one_sentence(
    tmp_path: Path, verb: str, sentence: str
) -> None:
    done = make(tmp_path / "home", *verb.split())
    assert done.stderr.splitlines()[0] == sentence


def test_stopping_what_does_not_run_is_no_failure(tmp_path: Path) -> None:
    done = make(tmp_path / "home", "down")
    assert (done.returncode, done.stdout) == (0, "Nothing was running.\n")


def secrets_after_reset(tmp_path: Path, *settings: str) -> tuple[bool, str]:
    home = tmp_path / "home"
    (home / "secrets").mkdir(parents=True)
    (home / "secrets" / "secrets.json").write_text("{}")
    done = make(home, "reset", *settings)
    assert done.returncode == 0, done.stderr
    return (home / "secrets" / "secrets.json").exists(), done.stdout.splitlines()[-1]


def test_a_reset_forgets_the_secrets_with_the_data_they_open(tmp_path: Path) -> None:
    kept, said = secrets_after_reset(tmp_path)
    assert not kept
    assert said.endswith("home is empty again.")


def test_a_reset_keeps_the_secrets_that_open_somebodys_own_database(tmp_path: Path) -> None:
    kept, said = secrets_after_reset(tmp_path, "ADMIN_DATABASE_URL=postgresql://me@127.0.0.1:1/x")
    assert kept
    assert "drop the database meridian there to forget it too" in said
