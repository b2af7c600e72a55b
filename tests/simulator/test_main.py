"""The simulator as a process: its book outlives it, and it stops at once."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from libs.testing.waiting import eventually
from simulator.__main__ import read_settings
from tests.simulator.processes import SimulatorProcess, start_simulator

BODY = {"amount_minor": 700, "currency": "JPY", "payment_method": "tok_ok"}


def keys_in(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "book.sqlite3")) as book:
        return [key for (key,) in book.execute("SELECT key FROM idempotency_keys")]


async def test_a_killed_simulator_remembers_every_charge_it_answered(
    simulator: SimulatorProcess,
) -> None:
    async with simulator.client() as client:
        headers = {"Idempotency-Key": "k"}
        first = await client.post("/v1/charges", json=BODY, headers=headers)
    simulator.process.kill()
    again = start_simulator(simulator.folder)
    async with again.client() as client:
        replay = await client.post("/v1/charges", json=BODY, headers=headers)
    again.process.kill()
    assert replay.json() == first.json()


async def test_a_key_whose_process_died_before_the_effect_can_be_used_again(
    tmp_path: Path,
) -> None:
    slow = {**BODY, "payment_method": "tok_slow"}
    headers = {"Idempotency-Key": "k"}
    first = start_simulator(tmp_path, slow_seconds=60)
    async with first.client() as client:
        waiting = asyncio.create_task(client.post("/v1/charges", json=slow, headers=headers))

        await eventually(lambda: keys_in(tmp_path) == ["k"])
        first.process.kill()
        with pytest.raises(httpx.HTTPError):
            await waiting
    second = start_simulator(tmp_path, slow_seconds=0)
    async with second.client() as client:
        answer = await client.post("/v1/charges", json=slow, headers=headers)
    second.process.kill()
    assert answer.status_code == 201


async def test_a_hanging_answer_does_not_hold_up_the_exit(tmp_path: Path) -> None:
    started = start_simulator(tmp_path, hang_seconds=60)
    body = {**BODY, "payment_method": "tok_timeout_after_charge"}
    async with started.client() as client:
        hanging = asyncio.create_task(
            client.post("/v1/charges", json=body, headers={"Idempotency-Key": "k"})
        )

        async def charged() -> bool:
            found = await client.get("/v1/charges", params={"idempotency_key": "k"})
            return bool(found.json()["data"])

        await eventually(charged)
        assert await asyncio.to_thread(started.process.stop) == 0
        assert (await hanging).status_code == 201


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "simulator", "--data", str(tmp_path)],
        env={"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert finished.returncode == 2
    assert "SIMULATOR_API_KEY" in finished.stderr
    assert "SIMULATOR_WEBHOOK_SECRET" in finished.stderr


def test_the_command_line_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"API_KEY": "a", "WEBHOOK_SECRET": "w", "PORT": "1"}.items():
        monkeypatch.setenv(f"SIMULATOR_{name}", value)
    settings = read_settings(["--port", "8111", "--data", str(tmp_path), "--host", "127.0.0.2"])
    assert (settings.port, settings.data, settings.host) == (8111, tmp_path, "127.0.0.2")


def test_missing_settings_end_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("API_KEY", "WEBHOOK_SECRET", "DATA"):
        monkeypatch.delenv(f"SIMULATOR_{name}", raising=False)
    with pytest.raises(SystemExit) as stopped:
        read_settings([])
    assert stopped.value.code == 2
    assert "SIMULATOR_DATA" in capsys.readouterr().err
