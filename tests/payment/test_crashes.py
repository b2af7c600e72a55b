"""The worker process is killed, at random and at every point of a call: one charge, one posting, nothing lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest

from libs.contracts.message import Command
from libs.contracts.payment import CapturePayment, VoidPayment
from libs.ids import new_id
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.topology import declare
from libs.settings import ServiceSettings
from libs.testing.plugin import SettingsFor
from libs.testing.processes import ServiceProcess, start_process
from libs.testing.scale import trials
from libs.testing.servers import free_port
from libs.testing.settings import environment_of
from libs.testing.waiting import eventually
from services.payment.domain.states import Purpose
from tests.payment.conftest import REGION, Shop
from tests.payment.mined_process import POINTS, Mines
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


def process_settings(
    settings_for: SettingsFor, simulator: SimulatorProcess, port: int
) -> ServiceSettings:
    return settings_for(
        "payment",
        port=port,
        provider_base_url=simulator.url,
        provider_api_key=API_KEY,
        provider_timeout_seconds=0.5,
        webhook_secret=WEBHOOK_SECRET,
    )


@pytest.fixture
def killed(
    settings_for: SettingsFor, simulator: SimulatorProcess, port: int, tmp_path: Path
) -> Iterator[Killed]:
    settings = process_settings(settings_for, simulator, port)
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
    await eventually(lambda: all_in({"authorized", "declined"}), 180)
    await send(queue, [CapturePayment(order_id=order_id) for order_id in orders])
    await killed.restart()
    await eventually(lambda: all_in({"captured", "declined"}), 180)
    await send(queue, [refund(order_id, 300) for order_id in orders])
    await killed.restart()
    await eventually(lambda: all_in({"partially_refunded", "declined"}), 180)

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
    await eventually(lambda: _webhooks_done(shop), 120)


async def _webhooks_done(shop: Shop) -> bool:
    rows = await shop.admin.fetch("SELECT state, count(*) FROM provider_events GROUP BY state")
    counts = dict(map(tuple, rows))
    assert not set(counts) - {"applied", "repeated"}, counts
    return sum(counts.values()) >= 27 + 24 + 24


EVERYWHERE = [(purpose, point) for purpose in Purpose for point in POINTS]
A_FEW = list(zip(cycle(Purpose), POINTS, strict=False))
CHOSEN = EVERYWHERE if trials(len(A_FEW), len(EVERYWHERE)) == len(EVERYWHERE) else A_FEW
"""Every point of every call, or one point of each kind spread over the calls."""

BOUGHT: Mapping[Purpose, Sequence[Purpose]] = {
    Purpose.AUTHORIZE: (Purpose.AUTHORIZE,),
    Purpose.CAPTURE: (Purpose.AUTHORIZE, Purpose.CAPTURE),
    Purpose.VOID: (Purpose.AUTHORIZE, Purpose.VOID),
    Purpose.REFUND: (Purpose.AUTHORIZE, Purpose.CAPTURE, Purpose.REFUND),
}
"""The commands that lead to a call, itself the last."""

ENDS = {
    Purpose.AUTHORIZE: ("authorized", 0, []),
    Purpose.CAPTURE: ("captured", 1000, ["capture"]),
    Purpose.VOID: ("voided", 0, []),
    Purpose.REFUND: ("partially_refunded", 700, ["capture", "refund"]),
}
"""State, money held, and ledger postings at the end."""


def test_the_chosen_points_cover_every_call_and_every_kind() -> None:
    assert {purpose for purpose, _ in CHOSEN} == set(Purpose)
    assert {point for _, point in CHOSEN} == set(POINTS)


def commands_of(purpose: Purpose, order_id: str) -> list[Command]:
    made = {
        Purpose.AUTHORIZE: authorize(order_id),
        Purpose.CAPTURE: CapturePayment(order_id=order_id),
        Purpose.VOID: VoidPayment(order_id=order_id, reason="cancelled"),
        Purpose.REFUND: refund(order_id, 300),
    }
    return [made[one] for one in BOUGHT[purpose]]


class Supervised:
    """The mined process: whenever it dies it is started again."""

    def __init__(self, start: Callable[[], ServiceProcess]) -> None:
        self._start = start
        self.deaths = 0
        self.process = start()

    async def run(self) -> None:
        while True:
            await asyncio.to_thread(self.process.process.wait)
            self.process = await asyncio.to_thread(self._start)
            self.deaths += 1  # survived: whoever waits for it finds a process to stop


@pytest.fixture
def mines(tmp_path: Path) -> Mines:
    folder = tmp_path / "mines"
    folder.mkdir()
    return Mines(folder)


@pytest.fixture
async def supervised(
    settings_for: SettingsFor, simulator: SimulatorProcess, port: int, tmp_path: Path, mines: Mines
) -> AsyncIterator[Supervised]:
    environment = environment_of(process_settings(settings_for, simulator, port))
    url, log_file = f"http://127.0.0.1:{port}", tmp_path / "payment.log"
    arguments = ["-m", "tests.payment.mined_process"]
    environment["MINES"] = str(mines.folder)
    running = Supervised(lambda: start_process(arguments, environment, url, log_file))
    supervisor = asyncio.create_task(running.run())
    yield running
    supervisor.cancel()
    running.process.kill()


@pytest.mark.stack
async def test_a_process_killed_at_any_point_of_any_call_leaves_one_charge_and_one_posting(
    shop: Shop, queue: AwsBroker, supervised: Supervised, mines: Mines
) -> None:
    # One at a time: a mine of another order could kill the process just before this one's point.
    for purpose, point in CHOSEN:
        order_id = new_id("ord")
        mines.lay(order_id, purpose, point)
        await send(queue, commands_of(purpose, order_id))
        await eventually(partial(_ended, shop, mines, order_id, ENDS[purpose][0]), 180)
        await _check_books(shop, order_id, purpose)
    await eventually(lambda: supervised.deaths == len(CHOSEN), 120)


async def _ended(shop: Shop, mines: Mines, order_id: str, wanted: str) -> bool:
    found = await states(shop)
    assert list(mines.folder.iterdir()) == []
    assert found.get(order_id) == wanted
    return True


async def _check_books(shop: Shop, order_id: str, purpose: Purpose) -> None:
    state, held, postings = ENDS[purpose]
    [charge] = await shop.charges(order_id)
    assert charge["captured_minor"] - charge["refunded_minor"] == held
    assert (charge["status"] == "voided") == (state == "voided")
    rows = await shop.admin.fetch(
        "SELECT split_part(purpose, ':', 1) AS purpose FROM ledger_transactions"
        " WHERE order_id = $1 ORDER BY purpose",
        order_id,
    )
    assert [row["purpose"] for row in rows] == postings
