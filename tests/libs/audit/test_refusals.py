import asyncio
import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from libs.audit.refusals import OTHERS, Refusal, Refusals
from libs.database.session import Database

REFUSAL = Refusal("get_order", "order_not_found", 404, actor="usr_1", origin="a1b2")


async def written(database: Database) -> list[dict[str, object]]:
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT * FROM audit_entries ORDER BY position"))
        return [
            {**json.loads(row["details"]), "who": row["actor"], "what": row["subject"]}
            for row in rows.mappings()
        ]


async def test_the_first_refusal_is_written_and_its_repetitions_are_counted(
    database: Database,
) -> None:
    refusals = Refusals(database)
    for number in range(1000):
        refusals.note(REFUSAL, f"req_{number}")
    await refusals.flush()
    refusals.end_window()
    await refusals.flush()
    told = {"status": 404, "code": "order_not_found", "who": "usr_1", "what": "get_order"}
    assert await written(database) == [told, {**told, "repeats": 999}]


async def test_a_new_window_tells_a_refusal_again(database: Database) -> None:
    refusals = Refusals(database)
    for _ in range(2):
        refusals.note(REFUSAL)
        refusals.end_window()
    await refusals.flush()
    assert len(await written(database)) == 2


async def test_a_flood_from_everywhere_cannot_fill_the_disk(database: Database) -> None:
    refusals = Refusals(database, most_kinds=5)
    for number in range(10_000):
        refusals.note(replace(REFUSAL, origin=f"{number:x}"))
        refusals.note(replace(REFUSAL, origin=f"{number:x}"))
    refusals.end_window()
    await refusals.flush()
    entries = await written(database)
    assert len(entries) == 2 * 5 + 2
    [_, counted] = [entry for entry in entries if entry["what"] == OTHERS.subject]
    assert counted["repeats"] == 2 * (10_000 - 5) - 1


JUNK = Refusal("unmatched", "route_not_found", 404)
GUESS = Refusal("usr_1", "invalid_credentials", action="login.refused")


@pytest.mark.parametrize("hidden", [REFUSAL, GUESS, JUNK])
@pytest.mark.parametrize("flood", [REFUSAL, GUESS, JUNK])
async def test_a_flood_hides_nothing_of_another_kind(
    database: Database, flood: Refusal, hidden: Refusal
) -> None:
    refusals = Refusals(database)
    for number in range(1_000):
        refusals.note(replace(flood, code=f"{number}", origin=f"{number:x}"))
    refusals.note(replace(hidden, code="later", origin="ffff"))
    await refusals.flush()
    told = "later" in {entry["code"] for entry in await written(database)}
    assert told is (flood.room != hidden.room)


async def test_one_origin_leaves_room_for_others(database: Database) -> None:
    refusals = Refusals(database)
    for number in range(1_000):
        refusals.note(replace(JUNK, subject=f"{number}", origin="a1b2"))
    refusals.note(replace(JUNK, origin="c3d4"))
    await refusals.flush()
    assert [entry["what"] for entry in await written(database)][-1] == JUNK.subject


async def test_refusals_wait_while_the_database_is_away(database: Database) -> None:
    away = Database("postgresql://nobody@127.0.0.1:9/none", application_name="test-away")
    refusals = Refusals(away)
    refusals.note(REFUSAL)
    with pytest.raises(ConnectionError):
        await refusals.flush()
    await away.close()
    refusals._database = database
    await refusals.flush()
    assert len(await written(database)) == 1


async def test_what_was_noted_last_is_written_when_the_process_stops(database: Database) -> None:
    refusals, stopping = Refusals(database), asyncio.Event()
    task = asyncio.create_task(refusals.run(stopping))
    await asyncio.sleep(0)
    refusals.note(REFUSAL)
    refusals.note(REFUSAL)
    stopping.set()
    await task
    assert len(await written(database)) == 2
