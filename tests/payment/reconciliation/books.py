"""Reconciliation of a day that is long over, between our book and the simulator's."""

from datetime import UTC, date, datetime, time, timedelta

import asyncpg
import httpx

from libs.clock import Clock, utc_now
from libs.database.session import Database
from libs.messaging.outbox import Outbox
from libs.testing.scale import trials
from libs.testing.waiting import FrozenClock
from services.payment.clients.simulator_book import SimulatorBook
from services.payment.repository.unit import Units
from services.payment.service.reconciliation import Reconciliation
from tests.simulator.processes import API_KEY

TODAY = (utc_now() - timedelta(hours=3)).date()
"""Reconciliation's day begins at 03:00 UTC: until then, the day before is not due yet.

It stays the same day however long the tests take: the clock of `comparing` shows its noon.
"""

DAY = TODAY - timedelta(days=3)
AT = time(3, 0)
CLEAN = trials(300, 1500)


def units_of(database: Database) -> Units:
    return Units(
        database,
        lambda session: Outbox(session, "payment", "us-east-1", wake=lambda: None),
        at_once=2,
    )


def at(day: date, hour: int, minute: int = 0) -> FrozenClock:
    return FrozenClock(datetime.combine(day, time(hour, minute), UTC))


def comparing(
    database: Database, http: httpx.AsyncClient, base_url: str, clock: Clock | None = None
) -> Reconciliation:
    return Reconciliation(
        units_of(database),
        SimulatorBook(http, base_url=base_url, api_key=API_KEY, timeout_seconds=20),
        provider="simulator",
        clock=clock or at(TODAY, 12),
        at=AT,
        lag_seconds=3600,
    )


async def found(admin: asyncpg.Connection) -> set[tuple[str, str]]:
    rows = await admin.fetch("SELECT kind, subject FROM reconciliation_cases")
    return {(row["kind"], row["subject"]) for row in rows}
