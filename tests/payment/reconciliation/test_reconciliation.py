"""The daily comparison: every break is found, nothing else is, once; what heals is closed."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx

from libs.clock import utc_now
from libs.database.session import Database
from libs.ids import new_id
from libs.testing.waiting import FrozenClock
from services.payment.domain.cases import RunState
from services.payment.service.reconciliation import Reconciliation
from tests.payment.reconciliation.books import CLEAN, DAY, comparing, found, units_of
from tests.payment.reconciliation.breaks import plant
from tests.payment.reconciliation.world import World
from tests.simulator.processes import SimulatorProcess


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
