"""Thousands of random operations, with crashes at every point: the ledger, the endpoint and the provider's book agree."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from typing_extensions import override

from libs.testing.databases import Databases
from libs.testing.plugin import SettingsFor
from libs.testing.scale import trials
from libs.testing.tokens import TokenFactory
from services.payment.main import create_app
from services.payment.repository.unit import Unit, Units
from services.payment.service.ledger_check import LedgerCheck
from services.payment.service.vitals import Vitals
from services.payment.settings import PaymentSettings
from tests.payment.conftest import Shop, outbox_of
from tests.payment.service.faulty import CrashError
from tests.payment.service.test_any_history import STEPS, History
from tests.simulator.processes import SimulatorProcess, start_simulator

OPERATIONS = trials(2_800, 100_000)
AT_ONCE = 8
SEED = 20261122
CRASHES = 0.03
TIDIED_EVERY = 500

T = TypeVar("T")
StartApp = Callable[[FastAPI], Awaitable[httpx.AsyncClient]]
Balances = dict[tuple[str, str], int]


class CrashingUnits(Units):
    """Dies now and then: before a commit, so nothing happened, or after it, so nobody heard of it."""

    dice = random.Random(SEED)  # noqa: S311 - replayable
    crashes = 0
    calm = False

    @override
    async def run(self, work: Callable[[Unit], Awaitable[T]]) -> T:
        if self.calm or self.dice.random() > CRASHES:
            return await super().run(work)
        self.crashes += 1
        if self.dice.random() < 0.5:
            await super().run(work)
            raise CrashError

        async def cut_short(unit: Unit) -> T:
            await work(unit)
            raise CrashError

        return await super().run(cut_short)


class Hurried(History):
    """A history among many: its timer takes up only what is due."""

    @override
    async def time(self) -> None:
        await self.shop.settlement().settle_due()


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    """A simulator of this test's own: its whole book is compared."""
    started = start_simulator(tmp_path / "simulator")
    yield started
    started.process.kill()


@pytest.fixture
async def units(shop: Shop, databases: Databases) -> AsyncIterator[CrashingUnits]:
    async with asyncpg.create_pool(
        databases.url("payment", "superuser"),
        min_size=1,
        max_size=2,
        server_settings={"search_path": "shop_payment"},
    ) as shop.admin:  # several histories look at the same time
        shop.units = units = CrashingUnits(shop.database, outbox_of, at_once=AT_ONCE)
        shop.lease_seconds = 5.0
        yield units


async def test_after_a_storm_of_operations_all_books_agree(
    shop: Shop,
    units: CrashingUnits,
    simulator: SimulatorProcess,
    settings_for: SettingsFor,
    client_for: StartApp,
    token_factory: TokenFactory,
) -> None:
    seeds = iter(range(SEED, SEED + OPERATIONS // STEPS))
    await asyncio.gather(*(_live(shop, seeds) for _ in range(AT_ONCE)))
    units.calm = True
    await _settle_everything(shop)

    assert units.crashes >= OPERATIONS // 100, "the storm was none"
    recomputed = await _recomputed(shop)
    assert len({currency for _, currency in recomputed}) == 3
    for currency in {currency for _, currency in recomputed}:
        assert sum(value for (_, of), value in recomputed.items() if of == currency) == 0
    settings = settings_for("payment", role="api")
    assert isinstance(settings, PaymentSettings)
    client = await client_for(create_app(settings))
    headers = {"Authorization": f"Bearer {token_factory.admin()}"}
    shown = (await client.get("/v1/ledger/balances", headers=headers)).json()["items"]
    assert {(one["account"], one["currency"]): one["balance_minor"] for one in shown} == recomputed
    clearing = {of: minor for (account, of), minor in recomputed.items() if account.endswith("ing")}
    assert clearing == _held_by_provider(simulator.folder)
    assert clearing == await _held_by_payments(shop)
    vitals = Vitals(shop.units, LedgerCheck(shop.units, settled_seconds=0))
    await vitals.refresh()
    assert (vitals.ledger.seen.imbalance_minor, vitals.unknown.count) == (0, 0)
    assert vitals.ledger.seen.entries == await shop.admin.fetchval(
        "SELECT count(*) FROM ledger_entries"
    )


async def _live(shop: Shop, seeds: Iterator[int]) -> None:
    for seed in seeds:
        history = Hurried(shop, seed)
        for _ in range(STEPS):
            await history.step()
        await _give_up(shop, history.order_id)
        if seed % TIDIED_EVERY == 0:
            await shop.admin.execute("VACUUM ANALYZE")  # the test's server does not by itself


async def _give_up(shop: Shop, order_id: str) -> None:
    """Void a payment whose customer stays away, as its order does; again, if the process dies of it."""
    while await shop.admin.fetchval(
        "SELECT state = 'requires_action' FROM payments WHERE order_id = $1", order_id
    ):
        with suppress(CrashError):
            await shop.void(order_id)


async def _settle_everything(shop: Shop) -> None:
    for _ in range(4):
        await shop.settle()
        for order in await shop.admin.fetch(
            "SELECT order_id FROM payments WHERE state = 'requires_action'"
        ):
            await shop.void(order["order_id"])
    await shop.webhooks().process_pending()
    assert not await shop.admin.fetchval(
        "SELECT count(*) FROM provider_operations WHERE state NOT IN ('succeeded', 'refused')"
    )


async def _recomputed(shop: Shop) -> Balances:
    rows = await shop.admin.fetch(
        "SELECT account, currency, side, amount_minor FROM ledger_entries"
    )
    balances: Balances = {}
    for account, currency, side, amount in rows:
        signed = amount if side == "debit" else -amount
        balances[account, currency] = balances.get((account, currency), 0) + signed
    return balances


def _held_by_provider(folder: Path) -> dict[str, int]:
    """Read the provider's book past its API: what it took less what it gave back, and one charge per order."""
    with closing(sqlite3.connect(f"file:{folder}/book.sqlite3?mode=ro", uri=True)) as book:
        orders = book.execute("SELECT json_extract(metadata, '$.order_id') FROM charges").fetchall()
        assert len(orders) == len(set(orders))
        return dict(
            book.execute(
                "SELECT currency, sum(captured_minor - refunded_minor) FROM charges"
                " WHERE captured_minor > 0 GROUP BY currency"
            )
        )


async def _held_by_payments(shop: Shop) -> dict[str, int]:
    rows = await shop.admin.fetch(
        "SELECT currency, sum(captured_minor - refunded_minor)::bigint AS held FROM payments"
        " WHERE captured_minor > 0 GROUP BY currency"
    )
    return {row["currency"]: row["held"] for row in rows}
