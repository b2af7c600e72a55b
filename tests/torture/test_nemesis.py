import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from libs.clock import utc_now
from libs.testing.fault_proxy.process import FaultProxy
from libs.testing.waiting import eventually
from local.state import StateFile, record_of
from torture.faults import Act, Fault
from torture.history import Recorder
from torture.nemesis import Nemesis
from torture.stack import Site

EDGE = {"name": "cart", "upstream": "127.0.0.1:1", "port": 1, "fault": {}, "counts": {}}


@pytest.fixture
def victim() -> Iterator[psutil.Popen]:
    process = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    with suppress(psutil.NoSuchProcess):
        process.kill()
    process.wait()


@pytest.fixture
def asked() -> list[tuple[str, str]]:
    """What the proxies were told."""
    return []


@pytest.fixture
def nemesis(
    tmp_path: Path, victim: psutil.Popen, asked: list[tuple[str, str]]
) -> Iterator[Nemesis]:
    site = Site(tmp_path, 0, split=False, seed=1)
    site.paths.create()
    StateFile(site.paths.state).put(record_of("order", victim.pid))

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path))
        return httpx.Response(200, json=EDGE)

    http = httpx.Client(base_url="http://proxy.example", transport=httpx.MockTransport(answer))
    recorder = Recorder(tmp_path / "history")
    with http:
        yield Nemesis(site, FaultProxy(http), recorder, utc_now(), seed=1)
    recorder.close()


async def test_a_kill_ends_the_process_the_supervisor_started(
    nemesis: Nemesis, victim: psutil.Popen
) -> None:
    await nemesis.carry_out(Fault(1, Act.KILL, "order"))
    assert victim.wait(10) == -signal.SIGKILL


async def test_a_paused_process_stands_still_and_goes_on(
    nemesis: Nemesis, victim: psutil.Popen
) -> None:
    pausing = asyncio.create_task(nemesis.carry_out(Fault(1, Act.PAUSE, "order", seconds=2.0)))
    await eventually(lambda: victim.status() == psutil.STATUS_STOPPED)
    await pausing
    await eventually(lambda: victim.status() != psutil.STATUS_STOPPED)


async def test_a_process_that_took_over_a_number_is_left_alone(
    nemesis: Nemesis, victim: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torture.nemesis._LOOKS", 1)
    other = replace(record_of("order", victim.pid), started=1.0)
    StateFile(nemesis.site.paths.state).put(other)
    await nemesis.carry_out(Fault(1, Act.KILL, "order"))
    assert victim.is_running()
    assert [fault.target for fault in nemesis.missed] == ["order"]


async def test_trouble_on_a_wire_is_healed(nemesis: Nemesis, asked: list[tuple[str, str]]) -> None:
    await nemesis.carry_out(Fault(1, Act.WIRE, "cart", seconds=0.0, how="slow"))
    assert asked == [("PUT", "/edges/cart/fault"), ("DELETE", "/edges/cart/fault")]


async def test_every_fault_is_in_the_history_with_its_time(nemesis: Nemesis) -> None:
    await nemesis.carry_out(Fault(7, Act.KILL, "order"))
    lines = (nemesis.site.folder / "history").read_text().splitlines()
    noted = json.loads(lines[0])
    assert (noted["process"], noted["f"], noted["value"]["after"]) == ("nemesis", "kill", 7)
    assert noted["value"]["worked"] is True
    assert noted["value"]["at"].startswith("20")
