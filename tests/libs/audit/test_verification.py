import asyncio
from uuid import UUID

import asyncpg
import pytest

from libs.audit.chain import Head
from libs.audit.sealing import Sealer
from libs.audit.verification import verify
from libs.database.session import Database
from libs.ids import uuid7
from libs.testing.databases import Databases
from libs.testing.scale import trials
from tests.libs.audit.conftest import SERVICE, record, record_and_seal

SUBJECTS = ("prd_1", "prd_2", "prd_3")
COLUMNS = {
    "position": "position + 1000",
    "recorded_at": "recorded_at + interval '1 microsecond'",
    "action": "'price.looked_at'",
    "actor": "'usr_2'",
    "subject": "'prd_4'",
    "outcome": "'refused'",
    "origin": "'somewhere'",
    "correlation_id": "'req_2'",
    "details": "replace(details, '100', '101')",
}


async def problems(database: Database, *anchors: Head) -> list[str]:
    return (await verify(database, anchors)).problems


async def test_an_untouched_log_verifies_and_so_does_an_empty_one(database: Database) -> None:
    assert await problems(database) == []
    await record_and_seal(database, *SUBJECTS)
    await record(database, "prd_9")
    verdict = await verify(database)
    assert (verdict.problems, verdict.head.number, verdict.waiting) == ([], 3, 1)


@pytest.mark.parametrize("row", [1, 2, 3])
@pytest.mark.parametrize("column", COLUMNS)
async def test_a_change_of_any_column_of_any_row_is_found(
    database: Database, intruder: asyncpg.Connection, row: int, column: str
) -> None:
    await record_and_seal(database, *SUBJECTS)
    entry = await entry_of(intruder, row)
    change = f"UPDATE audit_entries SET {column} = {COLUMNS[column]} WHERE id = '{entry}'"  # noqa: S608 - from above
    # A position is the database's to give, even to a superuser, for as long as the column says so.
    given = "ALTER TABLE audit_entries ALTER position SET GENERATED"
    await intruder.execute(f"{given} BY DEFAULT; {change}; {given} ALWAYS")
    assert await problems(database) == [f"entry {entry} or its seal {row} was changed"]


@pytest.mark.parametrize("row", [1, 2, 3])
async def test_an_entry_that_was_removed_is_missed(
    database: Database, intruder: asyncpg.Connection, row: int
) -> None:
    await record_and_seal(database, *SUBJECTS)
    entry = await entry_of(intruder, row)
    await intruder.execute("DELETE FROM audit_entries WHERE id = $1", entry)
    assert await problems(database) == [f"entry {entry} of seal {row} is gone"]


@pytest.mark.parametrize("row", [1, 2])
async def test_an_entry_that_was_removed_with_its_seal_is_missed(
    database: Database, intruder: asyncpg.Connection, row: int
) -> None:
    await record_and_seal(database, *SUBJECTS)
    await remove(intruder, row)
    assert await problems(database) == [f"seals {row} to {row} are gone"]


async def test_closing_the_gap_by_numbering_anew_is_found(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await record_and_seal(database, *SUBJECTS)
    await remove(intruder, 2)
    await intruder.execute("UPDATE audit_seals SET number = 2 WHERE number = 3")
    [problem] = await problems(database)
    assert problem.endswith("or its seal 2 was changed")


async def test_two_entries_that_changed_places_are_found(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await record_and_seal(database, *SUBJECTS)
    first, second = await entry_of(intruder, 1), await entry_of(intruder, 2)
    for number, entry in ((1, uuid7()), (2, first), (1, second)):
        await intruder.execute(
            "UPDATE audit_seals SET entry_id = $1 WHERE number = $2", entry, number
        )
    assert len(await problems(database)) == 2


async def test_an_entry_put_in_past_the_log_is_found(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await record_and_seal(database, *SUBJECTS)
    forged = uuid7()
    await intruder.execute(
        "INSERT INTO audit_entries (id, action, actor, subject, outcome, details)"
        " VALUES ($1, 'a.b', 'usr_1', 'prd_1', 'done', '{}')",
        forged,
    )
    assert await problems(database) == [f"entry {forged} was put in past the log"]


async def test_an_entry_removed_before_its_seal_is_missed(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await record(database, "prd_1")
    entry = await intruder.fetchval("DELETE FROM audit_entries RETURNING id")
    assert await problems(database) == [f"entry {entry} is gone before it was sealed"]


async def test_a_tail_that_was_cut_off_is_missed_by_whoever_kept_a_published_head(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await record_and_seal(database, *SUBJECTS)
    published = (await verify(database)).head
    await remove(intruder, 3)
    assert await problems(database) == []
    assert await problems(database, published) == [
        "seal 3 was published and is gone: the chain ends at 2"
    ]


async def test_a_chain_computed_anew_is_not_the_one_that_was_published(
    database: Database, intruder: asyncpg.Connection
) -> None:
    await record_and_seal(database, *SUBJECTS)
    published = (await verify(database)).head
    await intruder.execute("UPDATE audit_entries SET actor = 'usr_2'")
    await intruder.execute(
        "INSERT INTO audit_unsealed SELECT position, id FROM audit_entries; DELETE FROM audit_seals"
    )
    await Sealer(database).run()
    assert await problems(database) == []
    assert await problems(database, published) == ["seal 3 is not the one that was published"]


async def test_writers_and_sealers_at_once_make_one_chain(
    databases: Databases, database: Database
) -> None:
    writers, each = 4, trials(10, 250)
    sealers = [Sealer(database, batch=7) for _ in range(3)]

    async def write(writer: int) -> None:
        for number in range(each):
            await record(database, f"prd_{writer}_{number}")

    async def seal(sealer: Sealer) -> None:
        for _ in range(each):
            await sealer.run()

    await asyncio.gather(*map(write, range(writers)), *map(seal, sealers))
    await sealers[0].run()
    verdict = await verify(database)
    assert (verdict.problems, verdict.waiting) == ([], 0)
    assert verdict.head.number == writers * each


async def test_a_sealer_that_dies_before_its_commit_leaves_the_chain_whole(
    databases: Databases, database: Database, intruder: asyncpg.Connection
) -> None:
    await record_and_seal(database, "prd_1")
    await record(database, "prd_2", "prd_3")
    dying = await asyncpg.connect(databases.url(SERVICE))
    await dying.execute("BEGIN")
    await dying.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' audit', 0))"
    )
    await dying.execute("DELETE FROM audit_unsealed")
    assert await Sealer(database).run() == 0, "another one is at it"
    await intruder.execute("SELECT pg_terminate_backend($1, 60000)", dying.get_server_pid())
    await dying.close()
    assert await Sealer(database).run() == 2
    assert await problems(database) == []


def test_a_published_head_can_be_read_again() -> None:
    head = Head(7, bytes(range(32)))
    assert Head.parse(head.told()) == head
    for wrong in ("", "7", "7:", "x:00", "0:" + "00" * 32, "7:00"):
        with pytest.raises(ValueError, match=r".+"):
            Head.parse(wrong)


async def entry_of(intruder: asyncpg.Connection, number: int) -> UUID:
    found: UUID = await intruder.fetchval(
        "SELECT entry_id FROM audit_seals WHERE number = $1", number
    )
    return found


async def remove(intruder: asyncpg.Connection, number: int) -> None:
    entry = await entry_of(intruder, number)
    await intruder.execute("DELETE FROM audit_seals WHERE number = $1", number)
    await intruder.execute("DELETE FROM audit_entries WHERE id = $1", entry)
