"""Which days are due, who compares them, and what becomes of a run that does not end."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx

from libs.database.session import Database
from libs.testing.servers import free_port
from services.payment.domain.cases import RunState
from services.payment.service.reconciliation import Reconciliation
from tests.payment.reconciliation.books import AT, DAY, TODAY, at, comparing
from tests.payment.reconciliation.world import World
from tests.simulator.processes import SimulatorProcess


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
        " VALUES ('rcr_dead', 'simulator', $1, now() + interval '1 hour')",
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
        "UPDATE reconciliation_runs SET started_at = $2 WHERE day = $1",
        DAY,
        datetime.combine(TODAY - timedelta(days=1), AT, UTC),
    )
    world.theirs(
        "UPDATE charges SET status = 'captured', captured_minor = amount_minor WHERE id = ?",
        sale.charge,
    )
    assert await reconciliation.run_due() == 1
    assert await admin.fetchval("SELECT status FROM reconciliation_cases") == "resolved"
