"""A provider that charges and then says nothing, again and again: nobody is charged twice, nobody is declined unheard."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import asyncpg
import httpx
import pytest

from libs.ids import new_id
from libs.messaging.handlers import TooEarly
from libs.testing.databases import Databases
from libs.testing.fault_proxy.edge import Edge
from libs.testing.fault_proxy.fault import Fault
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from services.payment.clients.guarded import GuardedProvider, provider_breaker
from services.payment.clients.simulator import SimulatorProvider
from services.payment.service.ledger_check import LedgerCheck
from services.payment.service.vitals import Vitals
from tests.payment.conftest import Shop, TokenProvider
from tests.simulator.processes import API_KEY, SimulatorProcess, start_simulator

PAYMENTS = trials(60, 1000)
AT_ONCE = 10
RESOLVED_WITHIN_SECONDS = 60
SEED = 20261122

TOKENS = {
    "tok_timeout_after_charge": 12,
    "tok_timeout_after_capture": 8,
    "tok_error_after_charge": 6,
    "tok_error_after_capture": 4,
    "tok_slow": 5,
    "tok_decline": 5,
    "tok_ok": 60,
}
"""In per cent. A slow charge is made after its caller has given up: nothing is found when it is asked for first."""

RESETS = Fault(limit_bytes=1, direction="down", share=0.05)
"""Of every hundred calls, whatever their token, five lose the connection instead of getting an answer."""


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    started = start_simulator(tmp_path / "simulator", hang_seconds=30, slow_seconds=2)
    yield started
    started.process.kill()


@pytest.fixture
async def edge(simulator: SimulatorProcess) -> AsyncIterator[Edge]:
    upstream = simulator.url.removeprefix("http://")
    async with Edge("provider", upstream, seed=SEED) as opened:
        yield opened


@pytest.fixture
async def unreliable(shop: Shop, edge: Edge, databases: Databases) -> AsyncIterator[Shop]:
    """The shop with its provider behind the edge; every call has a connection of its own, to be cut."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with (
        httpx.AsyncClient(trust_env=False, limits=limits) as http,
        asyncpg.create_pool(
            databases.url("payment", "superuser"),
            min_size=1,
            max_size=2,
            server_settings={"search_path": "shop_payment"},
        ) as shop.admin,
    ):
        url = f"http://127.0.0.1:{edge.port}"
        patient, impatient = (
            SimulatorProvider(http, base_url=url, api_key=API_KEY, timeout_seconds=seconds)
            for seconds in (10, 0.6)
        )
        direct = TokenProvider(patient, impatient, also_withheld=("tok_slow",))
        shop.provider = GuardedProvider(
            direct, breaker=provider_breaker(), at_once=2 * AT_ONCE, wait_seconds=10
        )
        shop.lease_seconds = 25
        yield shop


@asynccontextmanager
async def settling(shop: Shop) -> AsyncIterator[None]:
    """Run the timer besides."""
    stop, settlement = asyncio.Event(), shop.settlement()

    async def run() -> None:
        while not stop.is_set():
            await settlement.settle_due()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.3)

    timer = asyncio.create_task(run())
    try:
        yield
    finally:
        stop.set()
        await timer


async def for_each(orders: Iterable[str], command: Callable[[str], Awaitable[object]]) -> None:
    waiting = iter(orders)

    async def work() -> None:
        for order_id in waiting:
            with suppress(TooEarly):
                await command(order_id)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def states(shop: Shop) -> dict[str, str]:
    return dict(map(tuple, await shop.admin.fetch("SELECT order_id, state FROM payments")))


async def test_lost_answers_charge_nobody_twice_and_decline_nobody_unheard(
    unreliable: Shop, edge: Edge, simulator: SimulatorProcess
) -> None:
    shop, dice = unreliable, random.Random(SEED)  # noqa: S311 - replayable
    tokens = dice.choices(list(TOKENS), list(TOKENS.values()), k=PAYMENTS)
    orders = {new_id("ord"): token for token in tokens}
    await edge.apply(RESETS)
    async with settling(shop):
        await for_each(orders, lambda order_id: shop.authorize(orders[order_id], order_id=order_id))
        vitals = Vitals(shop.units, LedgerCheck(shop.units))
        await vitals.refresh()
        assert vitals.unknown.count > 0, "the provider was reliable"
        await for_each(orders, shop.capture)
        await edge.heal()
        await eventually(lambda: _resolved(shop), RESOLVED_WITHIN_SECONDS)
        await for_each(orders, shop.capture)
        await eventually(lambda: _resolved(shop), RESOLVED_WITHIN_SECONDS)

    found = await states(shop)
    assert Counter(found.values()) == Counter(
        "declined" if token == "tok_decline" else "captured" for token in orders.values()
    )
    book = _book(simulator.folder)
    assert len(book) == len({order_id for order_id, _, _ in book}) == PAYMENTS
    assert {order_id: status for order_id, status, _ in book} == found
    balances = await shop.balances()
    assert balances["provider_clearing"] == sum(captured for _, _, captured in book)
    assert sum(balances.values()) == 0


async def _resolved(shop: Shop) -> bool:
    return not await shop.admin.fetchval(
        "SELECT count(*) FROM provider_operations WHERE state NOT IN ('succeeded', 'refused')"
    )


def _book(folder: Path) -> list[tuple[str, str, int]]:
    """Read what the provider itself holds: order, status and amount taken."""
    with closing(sqlite3.connect(f"file:{folder}/book.sqlite3?mode=ro", uri=True)) as book:
        return book.execute(
            "SELECT json_extract(metadata, '$.order_id'), status, captured_minor FROM charges"
        ).fetchall()
