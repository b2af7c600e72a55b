"""The development containers' reloader, with real processes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.testing.waiting import eventually
from tests.architecture.applications import ROOT

PROGRAM = """
import pathlib, signal, sys, time
def stop(*_):
    with open({log!r}, "a") as log: log.write("stopped\\n")
    sys.exit(7)
signal.signal(signal.SIGTERM, stop)
with open({log!r}, "a") as log: log.write("started {edition}\\n")
while {stays}: time.sleep(0.05)
sys.exit(3)
"""


class Reloaded:
    """A module under the reloader, its source, and what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.log = folder.parent / "log"
        self._source = folder / "program.py"
        self.edit("one")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local.reload", "program"],
            cwd=folder,
            env={"PYTHONPATH": f"{ROOT}:{folder}", "PYTHONDONTWRITEBYTECODE": "1"},
            stderr=subprocess.PIPE,
        )

    def edit(self, edition: str, *, stays: bool = True) -> None:
        # Into place at once: a reloader that looked while it was written would start it twice.
        draft = self.log.with_name("draft")
        draft.write_text(PROGRAM.format(log=str(self.log), edition=edition, stays=stays))
        draft.replace(self._source)

    def told(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def reloaded(tmp_path: Path) -> Iterator[Reloaded]:
    folder = tmp_path / "source"
    folder.mkdir()
    one = Reloaded(folder)
    yield one
    one.process.terminate()  # it ends its child as well, which a kill would not
    one.process.communicate(timeout=20)


async def test_a_change_stops_the_process_in_good_order_and_starts_the_new_source(
    reloaded: Reloaded,
) -> None:
    await eventually(lambda: reloaded.told() == ["started one"])
    reloaded.edit("two")
    await eventually(lambda: reloaded.told() == ["started one", "stopped", "started two"])
    reloaded.process.send_signal(signal.SIGTERM)
    _, told = reloaded.process.communicate(timeout=20)
    assert reloaded.process.returncode == 7
    assert b"program.py changed: starting again" in told
    assert reloaded.told()[-1] == "stopped"


async def test_a_process_that_failed_waits_for_the_next_change(reloaded: Reloaded) -> None:
    await eventually(lambda: reloaded.told() == ["started one"])
    reloaded.edit("broken", stays=False)
    await eventually(lambda: "started broken" in reloaded.told())
    reloaded.edit("mended")
    await eventually(lambda: reloaded.told()[-1] == "started mended")
    assert reloaded.told().count("started broken") == 1
