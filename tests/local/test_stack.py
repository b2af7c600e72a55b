"""Supervision: crashes are repaired, stops leave nothing behind, however the supervisor ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from libs.testing.waiting import eventually
from local.paths import Paths
from local.process import Part
from local.progress import Progress
from local.refusal import Refusal
from local.stack import Stack
from local.state import StateFile

WAITING = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "home")
    made.create()
    return made


def part(paths: Paths, name: str, code: str = WAITING, **changes: object) -> Part:
    log = paths.log_of(name)

    async def ready() -> bool:
        return log.exists() and "up" in log.read_text()

    settings: dict[str, object] = {"ready": ready, "stop_seconds": 0.5, **changes}
    return Part(name=name, command=(sys.executable, "-c", code), log=log, **settings)  # type: ignore[arg-type]  # replaced fields


def pid_of(paths: Paths, name: str) -> int:
    return StateFile(paths.state).read().parts[name].pid


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stack(paths: Paths, repaired: list[str] | None = None) -> Stack:
    async def after() -> None:
        if repaired is not None:
            repaired.append("ministack")

    return Stack(Progress(), StateFile(paths.state), {"ministack": after})


async def test_a_crashed_part_is_restarted_and_repaired(
    paths: Paths, capsys: pytest.CaptureFixture[str]
) -> None:
    repaired: list[str] = []
    running = stack(paths, repaired)
    await running.run("data", part(paths, "ministack"))
    first = pid_of(paths, "ministack")
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: repaired)
    record = StateFile(paths.state).read().parts["ministack"]
    assert record.pid != first
    assert record.restarts == 1
    await running.stop()
    assert not alive(record.pid)
    assert "was ended by SIGKILL; starting it again in 0.5 s" in capsys.readouterr().out


async def test_a_part_that_ends_while_starting_is_quoted(paths: Paths) -> None:
    with pytest.raises(Refusal, match=r"order ended while starting: .*DATABASE_URL is missing"):
        await stack(paths).run("services", part(paths, "order", "print('DATABASE_URL is missing')"))


async def test_a_part_that_is_never_ready_is_given_up(paths: Paths) -> None:
    running = stack(paths)
    code = "import time; print('hm', flush=True); time.sleep(60)"
    with pytest.raises(Refusal, match=r"was not ready after"):
        await running.run("services", part(paths, "order", code, ready_seconds=0.5))
    await running.stop()
    assert StateFile(paths.state).read().parts == {}


async def test_stopping_is_ordered_and_ends_the_stubborn(paths: Paths) -> None:
    ended = paths.home / "ended"
    code = (
        "import pathlib, signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(ended)!r}, 'a').write(sys.argv[1] + ' '); sys.exit()\n"
        "signal.signal(15, end); print('up', flush=True); time.sleep(60)"
    )

    def saying(name: str) -> Part:
        made = part(paths, name, stop_seconds=20.0)
        return Part(**{**vars(made), "command": (sys.executable, "-c", code, name)})

    running = stack(paths)
    await running.run("data", saying("postgres"))
    await running.run("services", saying("order"))
    await running.run("gateway", saying("gateway"))
    deaf = "import signal; signal.signal(15, signal.SIG_IGN);" + WAITING
    await running.run("services", part(paths, "deaf", deaf))
    pids = [record.pid for record in StateFile(paths.state).read().parts.values()]
    await running.stop()
    assert ended.read_text().split() == ["gateway", "order", "postgres"]
    assert not any(alive(pid) for pid in pids)


async def test_grandchildren_do_not_outlive_a_stop(paths: Paths) -> None:
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WAITING!r}]);" + WAITING
    )
    running = stack(paths)
    await running.run("data", part(paths, "postgres", code))
    family = psutil.Process(pid_of(paths, "postgres")).children()
    await running.stop()
    assert family
    await eventually(lambda: not any(alive(child.pid) for child in family))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start cleans up")
async def test_nothing_outlives_a_killed_supervisor(paths: Paths) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from tests.local.test_stack import *\n"
        f"paths = Paths(Path({str(paths.home)!r}))\n"
        "async def main():\n"
        "    await stack(paths).run('data', part(paths, 'postgres'))\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code])  # noqa: ASYNC220 - our own interpreter; it must be killed bare
    try:
        await eventually(
            lambda: (
                paths.state.exists() and "postgres" in json.loads(paths.state.read_text())["parts"]
            )
        )
        child = pid_of(paths, "postgres")
    finally:
        supervisor.kill()
        await asyncio.to_thread(supervisor.wait)
    await eventually(lambda: not alive(child))
