import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import (
    Database,
    after_commit,
    is_retryable,
    is_unavailable,
)
from tests.libs.database.conftest import add, names


async def test_work_is_committed_at_the_end_of_the_block(
    scratch_database: Database, things: asyncpg.Connection
) -> None:
    async with scratch_database.transaction() as session:
        await add(session, "a")
        assert await names(things) == []
    assert await names(things) == ["a"]


async def test_an_error_rolls_everything_back(
    scratch_database: Database, things: asyncpg.Connection
) -> None:
    async def work() -> None:
        async with scratch_database.transaction() as session:
            await add(session, "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert await names(things) == []


async def test_callbacks_run_after_the_commit_and_see_it(
    scratch_database: Database, things: asyncpg.Connection
) -> None:
    called: list[str] = []
    async with scratch_database.transaction() as session:
        await add(session, "a")
        after_commit(session, lambda: called.append("first"))
        after_commit(session, lambda: called.append("second"))
        assert called == []
    assert called == ["first", "second"]


async def test_callbacks_do_not_run_when_the_work_or_its_commit_fails(
    scratch_database: Database, things: asyncpg.Connection
) -> None:
    called: list[str] = []

    async def work(name: str) -> None:
        async with scratch_database.transaction() as session:
            after_commit(session, lambda: called.append(name))
            await add(session, name)
            if name != "refused":
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work("a")
    with pytest.raises(DBAPIError, match="refused at commit"):
        await work("refused")
    assert called == []


async def test_a_failing_callback_neither_fails_the_caller_nor_stops_the_others(
    scratch_database: Database, things: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    async with scratch_database.transaction() as session:
        await add(session, "a")
        after_commit(session, fail)
        after_commit(session, lambda: called.append("second"))
    assert called == ["second"]
    assert "after_commit_failed" in caplog.text


async def test_a_failed_commit_leaves_the_connection_usable(
    scratch_database_url: str, things: asyncpg.Connection
) -> None:
    database = Database(scratch_database_url, application_name="one", pool_size=1)
    for _ in range(3):
        with pytest.raises(DBAPIError):
            async with database.transaction() as session:
                await add(session, "refused")
    async with database.transaction() as session:
        await add(session, "a")
    assert await names(things) == ["a"]
    await database.close()


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_run_repeats_the_whole_unit_of_work_after_a_lost_conflict(
    scratch_database: Database, things: asyncpg.Connection, code: str
) -> None:
    attempts = 0

    async def work(session: AsyncSession) -> int:
        nonlocal attempts
        attempts += 1
        await add(session, "a")
        if attempts < 3:
            await session.execute(
                text(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END $$")
            )
        return attempts

    assert await scratch_database.run(work) == 3
    assert await names(things) == ["a"]


async def test_run_gives_up_after_its_attempts(scratch_database: Database) -> None:
    attempts = 0

    async def work(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await session.execute(
            text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$")
        )

    with pytest.raises(DBAPIError) as caught:
        await scratch_database.run(work, attempts=2)
    assert attempts == 2
    assert is_retryable(caught.value)
    assert not is_unavailable(caught.value)


async def test_run_does_not_repeat_other_errors(
    scratch_database: Database, things: asyncpg.Connection
) -> None:
    attempts = 0

    async def work(session: AsyncSession) -> None:
        nonlocal attempts
        attempts += 1
        await add(session, "a")
        await add(session, "a")

    with pytest.raises(DBAPIError) as caught:
        await scratch_database.run(work)
    assert attempts == 1
    assert not is_retryable(caught.value)
    assert not is_unavailable(caught.value)


async def test_run_survives_real_deadlocks(
    scratch_database: Database, things: asyncpg.Connection
) -> None:
    await things.execute("INSERT INTO things (name) VALUES ('a'), ('b')")
    raise_one = text("UPDATE things SET n = n + 1 WHERE name = :name")
    locked = asyncio.Barrier(2)
    first_attempts = iter([True, True])

    async def work(session: AsyncSession, order: str) -> None:
        await session.execute(raise_one, {"name": order[0]})
        if next(first_attempts, False):
            await locked.wait()
        await session.execute(raise_one, {"name": order[1]})

    await asyncio.gather(
        scratch_database.run(lambda session: work(session, "ab")),
        scratch_database.run(lambda session: work(session, "ba")),
    )
    assert [row["n"] for row in await things.fetch("SELECT n FROM things")] == [2, 2]


async def test_at_least_one_attempt_is_needed(scratch_database: Database) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        await scratch_database.run(lambda session: session.execute(text("SELECT 1")), attempts=0)


async def test_sessions_have_bounds_on_everything_that_could_hold_a_row(
    scratch_database_url: str,
) -> None:
    database = Database(scratch_database_url, application_name="bounded")
    async with database.transaction() as session:
        found = {
            name: await session.scalar(text(f"SHOW {name}"))
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "application_name",
            )
        }
    await database.close()
    assert found == {
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "15s",
        "application_name": "bounded",
    }
