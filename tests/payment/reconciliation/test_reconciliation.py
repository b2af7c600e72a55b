"""The daily comparison: every break is found, nothing else is, once; what heals is closed; missed days are caught up."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from libs.clock import Clock, utc_now
from libs.database.session import Database
from libs.ids import new_id
from libs.messaging.outbox import Outbox
from libs.testing.scale import trials
from libs.testing.servers import free_port
from libs.testing.waiting import FrozenClock
from services.payment.clients.simulator_book import SimulatorBook
from services.payment.domain.cases import RunState
from services.payment.repository.unit import Units
from services.payment.service.reconciliation import Reconciliation
from tests.payment.reconciliation.breaks import plant
from tests.payment.reconciliation.world import World
from tests.simulator.processes import API_KEY, SimulatorProcess, start_simulator

TODAY = (utc_now() - timedelta(hours=3)).date()
"""Reconciliation's day begins at 03:00 UTC: until then, the day before is not due yet."""

DAY = TODAY - timedelta(days=3)
AT = time(3, 0)
CLEAN = trials(300, 1500)


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


def units_of(database: Database) -> Units:
    return Units(
        database,
        lambda session: Outbox(session, "payment", "us-east-1", wake=lambda: None),
        at_once=2,
    )


def comparing(
    database: Database, http: httpx.AsyncClient, base_url: str, clock: Clock | None = None
) -> Reconciliation:
    return Reconciliation(
        units_of(database),
        SimulatorBook(http, base_url=base_url, api_key=API_KEY, timeout_seconds=20),
        provider="simulator",
        clock=clock or FrozenClock(utc_now()),
        at=AT,
        lag_seconds=3600,
    )


@pytest.fixture
def reconciliation(
    database: Database, http: httpx.AsyncClient, their_book: SimulatorProcess
) -> Reconciliation:
    return comparing(database, http, their_book.url)


async def found(admin: asyncpg.Connection) -> set[tuple[str, str]]:
    rows = await admin.fetch("SELECT kind, subject FROM reconciliation_cases")
    return {(row["kind"], row["subject"]) for row in rows}


async def history(admin: asyncpg.Connection) -> list[tuple[str, str]]:
    rows = await admin.fetch("SELECT change, actor FROM reconciliation_case_changes ORDER BY id")
    return [(row["change"], row["actor"]) for row in rows]


async def test_all_of_25_breaks_are_found_and_nothing_else(
    world: World, reconciliation: Reconciliation, admin: asyncpg.Connection
) -> None:
    await world.trade(CLEAN)
    await plant(world)
    assert len(world.expected) >= 25
    run = await reconciliation.run_day(DAY)
    assert run is not None
    assert run.state is RunState.SUCCEEDED
    assert await found(admin) == world.expected
    assert (run.tally.breaks, run.tally.opened) == (len(world.expected),) * 2
    again = await reconciliation.run_day(DAY)
    assert again is not None
    assert (again.tally.breaks, again.tally.opened, again.tally.healed) == (
        len(world.expected),
        0,
        0,
    )
    assert await found(admin) == world.expected


async def test_a_clean_day_has_no_cases(
    world: World, reconciliation: Reconciliation, admin: asyncpg.Connection
) -> None:
    await world.trade(70)
    run = await reconciliation.run_day(DAY)
    assert run is not None
    assert (run.state, run.tally.payments, run.tally.charges) == (RunState.SUCCEEDED, 70, 70)
    assert await found(admin) == set()


async def test_what_heals_is_closed_with_a_note_and_reopened_when_it_breaks_again(
    world: World, reconciliation: Reconciliation, admin: asyncpg.Connection
) -> None:
    await world.trade(7)
    sale = world.sale("captured")
    for status, taken in (("voided", 0), ("captured", sale.amount), ("voided", 0)):
        world.theirs(
            "UPDATE charges SET status = ?, captured_minor = ? WHERE id = ?",
            status,
            taken,
            sale.charge,
        )
        await reconciliation.run_day(DAY)
    assert await history(admin) == [
        ("opened", "reconciliation"),
        ("healed", "reconciliation"),
        ("reopened", "reconciliation"),
    ]
    [case] = await admin.fetch("SELECT status, version FROM reconciliation_cases")
    assert (case["status"], case["version"]) == ("open", 3)


async def test_what_somebody_resolved_stays_resolved(
    world: World, reconciliation: Reconciliation, admin: asyncpg.Connection, database: Database
) -> None:
    world.their_charge(new_id("pay"), new_id("ord"))
    await reconciliation.run_day(DAY)
    [case_id] = await admin.fetchrow("SELECT id FROM reconciliation_cases") or [""]

    async def resolve(unit: Any) -> None:
        case = await unit.cases.get(case_id)
        await unit.cases.resolve(case, note="a till of ours, booked by hand", actor="usr_admin")

    await units_of(database).run(resolve)
    run = await reconciliation.run_day(DAY)
    assert run is not None
    assert (run.tally.breaks, run.tally.opened) == (1, 0)
    assert await admin.fetchval("SELECT status FROM reconciliation_cases") == "resolved"


async def test_what_is_still_on_its_way_is_no_break(
    world: World,
    database: Database,
    http: httpx.AsyncClient,
    their_book: SimulatorProcess,
    admin: asyncpg.Connection,
) -> None:
    await world.trade(7)
    sale = world.sale("captured")
    world.theirs(
        "UPDATE charges SET status = 'authorized', captured_minor = 0 WHERE id = ?", sale.charge
    )
    await world.ours("UPDATE payments SET updated_at = now() WHERE id = $1", sale.payment_id)
    now = FrozenClock(utc_now())
    reconciliation = comparing(database, http, their_book.url, now)
    await reconciliation.run_day(DAY)
    assert await found(admin) == set()
    now.advance(hours=2)
    await reconciliation.run_day(DAY)
    assert await found(admin) == {("state", sale.charge)}


async def test_a_charge_that_was_made_on_another_day_is_not_missing(
    world: World, reconciliation: Reconciliation, admin: asyncpg.Connection
) -> None:
    await world.trade(7)
    sale = world.sale("partially_refunded")
    later = (DAY + timedelta(days=1)).isoformat()
    world.theirs("UPDATE charges SET day = ? WHERE id = ?", later, sale.charge)
    world.theirs("UPDATE refunds SET day = ? WHERE charge_id = ?", later, sale.charge)
    await reconciliation.run_day(DAY)
    assert await found(admin) == set()


async def test_a_capture_is_compared_on_the_day_it_was_made(
    world: World, reconciliation: Reconciliation, admin: asyncpg.Connection
) -> None:
    await world.trade(7)
    sale = world.sale("authorized")
    captured = DAY + timedelta(days=1)
    world.theirs(
        "UPDATE charges SET status = 'captured', captured_minor = amount_minor, settled_day = ?"
        " WHERE id = ?",
        captured.isoformat(),
        sale.charge,
    )
    await reconciliation.run_day(captured)
    assert await found(admin) == {("state", sale.charge)}


async def test_a_second_charge_of_a_payment_without_a_known_one_is_a_duplicate(
    world: World, reconciliation: Reconciliation, admin: asyncpg.Connection
) -> None:
    await world.trade(7)
    sale = world.sale("authorized")
    await world.ours("UPDATE payments SET provider_reference = NULL WHERE id = $1", sale.payment_id)
    second = world.their_charge(
        sale.payment_id,
        sale.order_id,
        amount=sale.amount,
        status="authorized",
        currency=sale.currency,
        reference=f"zz_{new_id('ch')}",
    )
    await reconciliation.run_day(DAY)
    assert ("duplicate_charge", second) in await found(admin)


async def test_one_process_at_a_time_compares_a_day(
    world: World, reconciliation: Reconciliation, admin: asyncpg.Connection
) -> None:
    await world.trade(30)
    runs = await asyncio.gather(*(reconciliation.run_day(DAY) for _ in range(8)))
    finished = [run for run in runs if run is not None]
    assert finished
    assert {run.state for run in finished} == {RunState.SUCCEEDED}
    assert await admin.fetchval("SELECT count(*) FROM reconciliation_runs") == len(finished)
    overlapping = await admin.fetchval(
        "SELECT count(*) FROM reconciliation_runs a JOIN reconciliation_runs b ON a.id < b.id"
        " AND a.started_at < b.finished_at AND b.started_at < a.finished_at"
    )
    assert overlapping == 0


async def test_a_run_whose_process_died_is_ended_by_the_next(
    reconciliation: Reconciliation, admin: asyncpg.Connection
) -> None:
    await admin.execute(
        "INSERT INTO reconciliation_runs (id, provider, day, lease_until)"
        " VALUES ('rcr_dead', 'simulator', $1, now() + interval '1 minute')",
        DAY,
    )
    assert await reconciliation.run_day(DAY) is None
    await admin.execute("UPDATE reconciliation_runs SET lease_until = now() - interval '1 second'")
    run = await reconciliation.run_day(DAY)
    assert run is not None
    dead = await admin.fetchrow(
        "SELECT state, error FROM reconciliation_runs WHERE id = 'rcr_dead'"
    )
    assert tuple(dead or ()) == ("failed", "its process died")


async def test_a_book_that_is_not_shown_fails_the_run_and_the_day_stays_due(
    database: Database,
    http: httpx.AsyncClient,
    admin: asyncpg.Connection,
    world: World,
    reconciliation: Reconciliation,
) -> None:
    await world.trade(7)
    nobody = comparing(database, http, f"http://127.0.0.1:{free_port()}")
    run = await nobody.run_day(DAY)
    assert run is not None
    assert (run.state, run.error) == (RunState.FAILED, "/v1/charges: ConnectError")
    assert await reconciliation.run_due() == 3, "the failed day and the two after it"
    assert await reconciliation.run_due() == 0


def at(day: date, hour: int, minute: int = 0) -> FrozenClock:
    return FrozenClock(datetime.combine(day, time(hour, minute), UTC))


async def test_missed_days_are_caught_up_once_and_none_before_the_first_payment(
    world: World,
    database: Database,
    http: httpx.AsyncClient,
    their_book: SimulatorProcess,
    admin: asyncpg.Connection,
) -> None:
    idle = comparing(database, http, their_book.url)
    assert await idle.run_due() == 0, "there is nothing to compare before the first payment"
    await world.trade(7)
    early = comparing(database, http, their_book.url, at(TODAY, 2, 59))
    assert await early.run_due() == 2
    later = comparing(database, http, their_book.url, at(TODAY, 3, 0))
    assert await later.run_due() == 1
    rows = await admin.fetch("SELECT day FROM reconciliation_runs ORDER BY day")
    assert [row["day"] for row in rows] == [DAY + timedelta(days=n) for n in range(3)]


async def test_a_day_with_open_cases_is_looked_at_again_until_they_are_closed(
    world: World, reconciliation: Reconciliation, admin: asyncpg.Connection
) -> None:
    await world.trade(7)
    sale = world.sale("captured")
    world.theirs(
        "UPDATE charges SET status = 'voided', captured_minor = 0 WHERE id = ?", sale.charge
    )
    assert await reconciliation.run_due() == 3
    await admin.execute(
        "UPDATE reconciliation_runs SET started_at = started_at - interval '1 day' WHERE day = $1",
        DAY,
    )
    world.theirs(
        "UPDATE charges SET status = 'captured', captured_minor = amount_minor WHERE id = ?",
        sale.charge,
    )
    assert await reconciliation.run_due() == 1
    assert await admin.fetchval("SELECT status FROM reconciliation_cases") == "resolved"
