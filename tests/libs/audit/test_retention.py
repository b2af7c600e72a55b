"""The oldest entries go, from the beginning alone; what is left proves itself, and that nothing younger went."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.audit.chain import Head
from libs.audit.retention import AuditRetention
from libs.audit.sealing import Sealer
from libs.audit.verification import Verdict, verify
from libs.database.session import Database
from tests.crashing import Killed, killed_before_statement
from tests.libs.audit.conftest import record, record_and_seal

KEPT_DAYS = 500
OLD, YOUNG = 600, 450


async def grown(database: Database, intruder: asyncpg.Connection, *ages: int) -> None:
    """Record and seal an entry for each age in days: what a log looks like after some time."""
    for number, days in enumerate(ages):
        await record(database, f"prd_{number}")
        await intruder.execute(
            "UPDATE audit_entries SET recorded_at = now() - make_interval(days => $1)"
            " WHERE id IN (SELECT entry_id FROM audit_unsealed)",
            days,
        )
        await Sealer(database).run()


async def kept(database: Database) -> list[str]:
    async with database.transaction() as session:
        found = await session.scalars(text("SELECT subject FROM audit_entries ORDER BY position"))
        return list(found)


async def forget(database: Database, *, batch: int = 1_000) -> int:
    return await AuditRetention(database, KEPT_DAYS, batch=batch).run()


async def begin_after(intruder: asyncpg.Connection, number: int, digest: bytes) -> None:
    """Remove the beginning of a log and say that it was time, as somebody who may do anything can."""
    await intruder.execute(
        "INSERT INTO audit_checkpoints (number, digest) VALUES ($1, $2)", number, digest
    )
    await intruder.execute("DELETE FROM audit_seals WHERE number <= $1", number)
    await intruder.execute(
        "DELETE FROM audit_entries WHERE id NOT IN (SELECT entry_id FROM audit_seals)"
    )


async def run(database: Database, statements: str) -> None:
    async with database.transaction() as session:
        for one in statements.split(";"):
            await session.execute(text(one))


async def digest_of(intruder: asyncpg.Connection, number: int) -> bytes:
    found: bytes = await intruder.fetchval(
        "SELECT digest FROM audit_seals WHERE number = $1", number
    )
    return found


@pytest.mark.parametrize("batch", [1, 2, 1_000])
async def test_what_is_too_old_goes_but_for_the_last_of_it_and_the_chain_goes_on(
    database: Database, intruder: asyncpg.Connection, batch: int
) -> None:
    await grown(database, intruder, OLD, OLD, OLD, YOUNG, 0)
    published = (await verify(database)).head

    assert await forget(database, batch=batch) == 2

    assert await kept(database) == ["prd_2", "prd_3", "prd_4"]
    verdict = await verify(database, [published])
    assert (verdict.problems, verdict.head, verdict.start.number) == ([], published, 2)
    assert await forget(database) == 0
    await record_and_seal(database, "prd_5")
    assert (await verify(database, [published])).problems == []


@pytest.mark.parametrize("ages", [(), (0,), (OLD,), (OLD, YOUNG), (YOUNG, OLD, OLD)], ids=str)
async def test_nothing_goes_that_is_young_or_comes_after_what_is(
    database: Database, intruder: asyncpg.Connection, ages: tuple[int, ...]
) -> None:
    await grown(database, intruder, *ages)
    assert await forget(database) == 0
    assert len(await kept(database)) == len(ages)
    assert (await verify(database)).problems == []


async def test_what_was_changed_stays_for_whoever_looks_into_it(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await grown(database, intruder, OLD, OLD, OLD, 0)
    await intruder.execute("UPDATE audit_entries SET actor = 'usr_2' WHERE subject = 'prd_1'")
    assert await forget(database) == 0
    assert len((await verify(database)).problems) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT forget_audit_entries(interval '399 days', 10)",
        "DELETE FROM audit_entries",
        "SET LOCAL audit.forgetting = 'on'; DELETE FROM audit_seals",
        "INSERT INTO audit_checkpoints (number, digest) VALUES (1, '')",
        "DELETE FROM audit_checkpoints",
    ],
)
async def test_the_application_can_remove_nothing_else(
    database: Database, intruder: asyncpg.Connection, statement: str
) -> None:
    await grown(database, intruder, OLD, OLD, 0)
    with pytest.raises(DBAPIError, match=r"denied|400 days"):
        await run(database, statement)
    assert len(await kept(database)) == 3


async def test_who_removes_too_early_is_found_by_the_date_of_what_is_left(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await grown(database, intruder, OLD, 10, 9, 8)
    await begin_after(intruder, 2, await digest_of(intruder, 2))
    found = (await verify(database)).problems
    assert found == ["entries up to seal 2 were removed before they were 400 days old"]


async def test_a_checkpoint_that_was_made_up_is_found(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await grown(database, intruder, OLD, OLD, OLD, 0)
    await begin_after(intruder, 1, bytes(32))
    [problem] = (await verify(database)).problems
    assert problem.endswith("or its seal 2 was changed")


async def test_who_removes_everything_is_found(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await grown(database, intruder, OLD, OLD)
    await begin_after(intruder, 2, await digest_of(intruder, 2))
    assert (await verify(database)).problems == ["every seal after 2 is gone"]


async def test_a_published_head_is_compared_as_far_back_as_the_log_goes(
    database: Database, intruder: asyncpg.Connection
) -> None:
    heads: dict[int, Head] = {}
    for number in (1, 2, 3):
        await grown(database, intruder, OLD)
        heads[number] = (await verify(database)).head
    await forget(database)
    assert (await verify(database, [heads[2], heads[3]])).problems == []
    assert (await verify(database, [Head(2, bytes(32))])).problems == [
        "seal 2 is not the one that was published"
    ]
    assert (await verify(database, [heads[1]])).problems == [
        "seal 1 was published and is gone: the log begins after 2"
    ]


@pytest.mark.parametrize("steps", range(0, 20, 3))
async def test_a_kill_at_any_statement_leaves_a_log_that_verifies(
    database: Database, intruder: asyncpg.Connection, steps: int
) -> None:
    await grown(database, intruder, OLD, OLD, OLD, OLD, 0)
    with pytest.raises(Killed), killed_before_statement(steps):
        await forget(database, batch=1)
    assert (await verify(database)).problems == []
    await forget(database)
    assert await kept(database) == ["prd_3", "prd_4"]
    assert (await verify(database)).problems == []


async def test_workers_that_forget_seal_and_write_at_once_leave_one_chain(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await grown(database, intruder, *(OLD for _ in range(6)), 0)

    async def write() -> None:
        for number in range(5):
            await record(database, f"new_{number}")

    await asyncio.gather(
        *(forget(database, batch=1) for _ in range(3)), write(), Sealer(database).run()
    )
    await Sealer(database).run()
    verdict: Verdict = await verify(database)
    assert (verdict.problems, verdict.waiting) == ([], 0)
    assert (verdict.start.number, verdict.head.number) == (5, 12)
