"""Both books, empty, and what compares them."""

from collections.abc import Iterator

import asyncpg
import httpx
import pytest

from libs.database.session import Database
from services.payment.service.reconciliation import Reconciliation
from tests.payment.reconciliation.books import DAY, comparing
from tests.payment.reconciliation.world import World
from tests.simulator.processes import SimulatorProcess, start_simulator


@pytest.fixture(scope="module")
def their_book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    started = start_simulator(tmp_path_factory.mktemp("simulator"))
    yield started
    started.process.kill()


@pytest.fixture
def world(admin: asyncpg.Connection, their_book: SimulatorProcess) -> World:
    fresh = World(admin, their_book.folder, DAY, seed=7)
    for table in ("refunds", "charges"):
        fresh.theirs(f"DELETE FROM {table}")  # noqa: S608 - a constant
    return fresh


@pytest.fixture
def reconciliation(
    database: Database, http: httpx.AsyncClient, their_book: SimulatorProcess
) -> Reconciliation:
    return comparing(database, http, their_book.url)
