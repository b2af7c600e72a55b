"""The simulator in this process, with its book in a temporary folder."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from libs.testing.apps import running
from simulator.app import create_app
from simulator.settings import SimulatorSettings
from tests.simulator.processes import API_KEY, WEBHOOK_SECRET, SimulatorProcess, start_simulator


@pytest.fixture
def settings(tmp_path: Path) -> SimulatorSettings:
    return SimulatorSettings(
        data=tmp_path / "book",
        api_key=SecretStr(API_KEY),
        webhook_secret=SecretStr(WEBHOOK_SECRET),
        slow_seconds=2.0,
        hang_seconds=0.3,
        late_webhook_seconds=0.3,
        webhook_retry_seconds=0.02,
    )


@asynccontextmanager
async def opened(settings: SimulatorSettings) -> AsyncIterator[httpx.AsyncClient]:
    """Run the simulator with these settings and give a client of it."""
    app = create_app(settings)
    async with (
        running(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://simulator",
            headers={"Authorization": f"Bearer {API_KEY}"},
        ) as client,
    ):
        yield client


@pytest.fixture
async def client(settings: SimulatorSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(settings) as client:
        yield client


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    started = start_simulator(tmp_path / "process")
    yield started
    started.process.kill()
