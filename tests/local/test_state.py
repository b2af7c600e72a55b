"""One supervisor per folder, and safe endings for what a killed one left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from local.paths import Paths
from local.refusal import Refusal
from local.state import Record, Snapshot, StateFile, end_leftovers, instance_lock, record_of

SLEEPER = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN);" + SLEEPER
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]);" + SLEEPER


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "home")
    made.create()
    return made


class Sleepers:
    """Starts processes that wait, and ends what a test left."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def __call__(self, code: str = SLEEPER) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        self.started.append(process)
        return process


@pytest.fixture
def sleeping() -> Iterator[Sleepers]:
    sleepers = Sleepers()
    yield sleepers
    for process in sleepers.started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_the_lock_admits_one_and_names_it(paths: Paths) -> None:
    already = pytest.raises(Refusal, match=f"already runs here .process {os.getpid()}")
    with instance_lock(paths), already:
        instance_lock(paths).__enter__()
    with instance_lock(paths):
        pass


def test_the_lock_of_a_killed_supervisor_is_free(paths: Paths) -> None:
    code = (
        "import sys, time; from pathlib import Path; from local.paths import Paths; "
        "from local.state import instance_lock\n"
        f"with instance_lock(Paths(Path({str(paths.home)!r}))):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Refusal):
            instance_lock(paths).__enter__()
        holder.send_signal(signal.SIGKILL)
    with instance_lock(paths):
        pass


def test_leftovers_end_in_good_order(sleeping: Sleepers) -> None:
    process = sleeping()
    assert end_leftovers([record_of("order", process.pid)]) == ["order"]
    assert not psutil.pid_exists(process.pid)


def test_leftovers_that_do_not_listen_are_killed(sleeping: Sleepers) -> None:
    process = sleeping(STUBBORN)
    end_leftovers([record_of("order", process.pid)], patience_seconds=0.3)
    assert not psutil.pid_exists(process.pid)


def test_children_of_leftovers_end_too(sleeping: Sleepers) -> None:
    process = sleeping(PARENT)
    children = psutil.Process(process.pid).children()
    end_leftovers([record_of("postgres", process.pid)], patience_seconds=0.5)
    assert children
    assert not any(child.is_running() for child in children)


@pytest.mark.parametrize("change", [{"started": 12.0}, {"executable": "/bin/other"}])
def test_a_stranger_with_the_same_number_is_left_alone(
    sleeping: Sleepers, change: dict[str, object]
) -> None:
    process = sleeping()
    stranger = replace(record_of("order", process.pid), **change)  # type: ignore[arg-type]  # parametrised
    assert end_leftovers([stranger]) == []
    assert process.poll() is None


def test_what_is_gone_needs_no_ending() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPER]) as process:
        record = record_of("order", process.pid)
        process.kill()
    assert end_leftovers([record]) == []


def test_state_is_read_back(paths: Paths) -> None:
    state = StateFile(paths.state)
    order = Record("order", 7, 1.5, "/bin/python", 8105, 2)
    state.write(
        Snapshot(Record("supervisor", 6, 1.0, "/bin/python"), {}, "2026-01-01", clean=False)
    )
    state.put(order)
    again = StateFile(paths.state).read()
    assert again.parts == {"order": order}
    assert again.emulator_since == "2026-01-01"
    state.forget("order")
    assert StateFile(paths.state).read().parts == {}


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"supervisor": {"pid": 1}})])
def test_a_damaged_state_file_is_an_empty_state(paths: Paths, text: str) -> None:
    paths.state.write_text(text, encoding="utf-8")
    assert StateFile(paths.state).read() == Snapshot()
