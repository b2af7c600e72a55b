"""Starts the simulator as the process it is, for its own tests and for those of payment."""

from dataclasses import dataclass
from pathlib import Path

import httpx

from libs.testing.processes import ServiceProcess, start_process
from libs.testing.servers import free_port

API_KEY = "test-api-key"
WEBHOOK_SECRET = "test-webhook-secret"


@dataclass
class SimulatorProcess:
    """A running simulator and its book's folder."""

    process: ServiceProcess
    folder: Path

    @property
    def url(self) -> str:
        return self.process.url

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {API_KEY}"},
            timeout=10,
            trust_env=False,
        )


def start_simulator(folder: Path, **overrides: object) -> SimulatorProcess:
    port = int(str(overrides.pop("port", None) or free_port()))
    given = {
        "api_key": API_KEY,
        "webhook_secret": WEBHOOK_SECRET,
        "hang_seconds": 5,
        "slow_seconds": 0.2,
        "late_webhook_seconds": 0.5,
        "webhook_retry_seconds": 0.05,
        **overrides,
    }
    environment = {f"SIMULATOR_{name.upper()}": str(value) for name, value in given.items()}
    folder.mkdir(parents=True, exist_ok=True)
    process = start_process(
        ["-m", "simulator", "--port", str(port), "--data", str(folder)],
        environment,
        f"http://127.0.0.1:{port}",
        folder / "log.txt",
    )
    return SimulatorProcess(process, folder)
