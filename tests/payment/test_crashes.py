"""The worker process is killed again and again: no charge is doubled, none is lost, the ledger equals the book."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from libs.contracts.message import Command
from libs.contracts.payment import CapturePayment
from libs.ids import new_id
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.topology import declare
from libs.testing.plugin import SettingsFor
from libs.testing.processes import ServiceProcess, start_process
from libs.testing.servers import free_port
from libs.testing.settings import environment_of
from libs.testing.waiting import eventually
from tests.payment.conftest import REGION, Shop
from tests.payment.test_consumers import QUEUE, authorize, outgoing, refund
from tests.simulator.processes import (
    API_KEY,
    WEBHOOK_SECRET,
    SimulatorProcess,
    start_simulator,
)

TOKENS = [
    "tok_ok",
    "tok_decline",
    "tok_timeout_after_charge",
    "tok_error_after_charge",
    "tok_timeout_after_capture",
    "tok_error_after_refund",
    "tok_slow",
    "tok_duplicate_webhook",
    "tok_late_webhook",
]
SEED = 20261122


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def simulator(tmp_path: Path, port: int) -> Iterator[SimulatorProcess]:
    """A simulator of this test's own, with its webhooks aimed at the process under test."""
    hook = f"http://127.0.0.1:{port}/v1/webhooks/simulator"
    started = start_simulator(tmp_path / "simulator", webhook_url=hook)
    yield started
    started.process.kill()


@pytest.fixture
async def queue(aws_endpoint_url: str, messaging_prefix: str) -> AsyncIterator[AwsBroker]:
    async with open_broker(
        region=REGION, endpoint_url=aws_endpoint_url, prefix=messaging_prefix
    ) as broker:
        await declare(broker)
        yield broker


async def send(queue: AwsBroker, commands: list[Command]) -> None:
    refused = await queue.publish(
        f"queue:{QUEUE.name}", [outgoing(command) for command in commands]
    )
    assert not refused


async def states(shop: Shop) -> dict[str, str]:
    rows = await shop.admin.fetch("SELECT order_id, state FROM payments")
    return {row["order_id"]: row["state"] for row in rows}


class Killed:
    """The payment process: started, killed at a random moment, started again."""

    def __init__(self, environment: dict[str, str], url: str, log_file: Path) -> None:
        self._environment = environment
        self._url = url
        self._log_file = log_file
        self._dice = random.Random(SEED)  # noqa: S311 - a seeded schedule, not a secret
        self.process = self._start()

    def _start(self) -> ServiceProcess:
        arguments = ["-m", "tests.payment.impatient_process"]
        return start_process(arguments, self._environment, self._url, self._log_file)

    async def restart(self) -> None:
        await asyncio.sleep(self._dice.uniform(0.05, 0.6))  # the schedule itself, not a wait
        self.process.kill()
        self.process = await asyncio.to_thread(self._start)


@pytest.fixture
def killed(
    settings_for: SettingsFor, simulator: SimulatorProcess, port: int, tmp_path: Path
) -> Iterator[Killed]:
    settings = settings_for(
        "payment",
        port=port,
        provider_base_url=simulator.url,
        provider_api_key=API_KEY,
        provider_timeout_seconds=0.5,
        webhook_secret=WEBHOOK_SECRET,
    )
    log_file = tmp_path / "payment.log"
    running = Killed(environment_of(settings), f"http://127.0.0.1:{port}", log_file)
    yield running
    running.process.kill()


@pytest.mark.stack
async def test_killing_the_worker_neither_doubles_nor_loses_a_charge(
    shop: Shop, queue: AwsBroker, killed: Killed
) -> None:
    async def all_in(wanted: set[str]) -> bool:
        found = await states(shop)
        return len(found) == len(orders) and set(found.values()) <= wanted

    orders = {new_id("ord"): token for token in TOKENS for _ in range(3)}
    await send(queue, [authorize(order_id, token) for order_id, token in orders.items()])
    for _ in range(3):
        await killed.restart()
    await eventually(lambda: all_in({"authorized", "declined"}), 60)
    await send(queue, [CapturePayment(order_id=order_id) for order_id in orders])
    await killed.restart()
    await eventually(lambda: all_in({"captured", "declined"}), 60)
    await send(queue, [refund(order_id, 300) for order_id in orders])
    await killed.restart()
    await eventually(lambda: all_in({"partially_refunded", "declined"}), 60)

    found = await states(shop)
    assert {token for order, token in orders.items() if found[order] == "declined"} == {
        "tok_decline"
    }
    held = 0
    for order_id, token in orders.items():
        charges = await shop.charges(order_id)
        assert len(charges) == 1
        held += charges[0]["captured_minor"] - charges[0]["refunded_minor"]
        events = await shop.events(order_id)
        assert ("refunded" in events) == (token != "tok_decline")  # told again when asked again
    balances = await shop.balances()
    assert balances["provider_clearing"] == held == 24 * 700
    assert sum(balances.values()) == 0
    await eventually(lambda: _webhooks_done(shop), 30)


async def _webhooks_done(shop: Shop) -> bool:
    rows = await shop.admin.fetch("SELECT state, count(*) FROM provider_events GROUP BY state")
    counts = dict(map(tuple, rows))
    assert not set(counts) - {"applied", "repeated"}, counts
    return sum(counts.values()) >= 27 + 24 + 24
