import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import (
    Database,
    DatabaseUnreachableError,
    after_commit,
    is_retryable,
    is_unavailable,
)
from libs.testing.database_server import with_user
from libs.testing.settings import TestEnvironment
from libs.testing.waiting import eventually

DEFERRED_REFUSAL = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'refused at commit'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.name = 'refused') EXECUTE FUNCTION refuse();
"""


@pytest.fixture
async def things(
    scratch_database: Database, scratch_database_url: str
) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(scratch_database_url)
    await connection.execute("CREATE TABLE things (name text PRIMARY KEY, n int DEFAULT 0)")
    await connection.execute(DEFERRED_REFUSAL)
    yield connection
    await connection.close()


async def add(session: AsyncSession, name: str) -> None:
    await session.execute(text("INSERT INTO things (name) VALUES (:name)"), {"name": name})


async def names(connection: asyncpg.Connection) -> list[str]:
    return [row["name"] for row in await connection.fetch("SELECT name FROM things ORDER BY 1")]


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
    assert "callback after commit failed" in caplog.text


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
    scratch_database: Database,
) -> None:
    async with scratch_database.transaction() as session:
        found = {
            name: await session.scalar(text(f"SHOW {name}"))
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "application_name",
            )
        }
    assert found == {
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "15s",
        "application_name": "test-scratch",
    }


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:9/nothing",
        "postgresql://nobody@/nothing?host=/nonexistent",
    ],
)
async def test_a_server_that_is_away_means_unavailable(url: str) -> None:
    database = Database(url, application_name="away")
    with pytest.raises(DatabaseUnreachableError) as caught:
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))
    assert is_unavailable(caught.value)
    with pytest.raises(DatabaseUnreachableError):
        await database.ping()
    await database.close()


async def test_an_exhausted_pool_means_unavailable_but_the_probe_still_answers(
    scratch_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.database.session.POOL_TIMEOUT_SECONDS", 0.05)
    database = Database(scratch_database_url, application_name="small", pool_size=1)
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))
        with pytest.raises(PoolTimeoutError) as caught:
            async with database.transaction() as second:
                await second.execute(text("SELECT 1"))
        await database.ping()
    assert is_unavailable(caught.value)
    await database.close()


async def test_a_terminated_backend_means_unavailable_and_the_pool_recovers(
    scratch_database: Database, things: asyncpg.Connection
) -> None:
    async def work() -> None:
        async with scratch_database.transaction() as session:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            await things.execute("SELECT pg_terminate_backend($1, 2000)", pid)
            await session.execute(text("SELECT 1"))

    with pytest.raises(DBAPIError) as caught:
        await work()
    assert is_unavailable(caught.value)
    async with scratch_database.transaction() as session:
        await add(session, "a")
    assert await names(things) == ["a"]


async def test_a_server_that_stops_answering_means_unavailable_and_the_pool_recovers(
    scratch_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if TestEnvironment().test_database_url is not None:
        pytest.skip(
            "the server may be on another machine, where the number of its process names a stranger"
        )
    monkeypatch.setattr("libs.database.session.COMMAND_TIMEOUT_SECONDS", 0.2)
    database = Database(scratch_database_url, application_name="silent", pool_size=1)

    async def backend() -> int:
        async with database.transaction() as session:
            return int(str(await session.scalar(text("SELECT pg_backend_pid()"))))

    frozen = await backend()
    os.kill(frozen, signal.SIGSTOP)
    try:
        with pytest.raises(DatabaseUnreachableError) as caught:
            await backend()
        assert await backend() != frozen
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert is_unavailable(caught.value)
    await database.close()


async def test_too_many_connections_mean_unavailable(
    scratch_database_url: str, things: asyncpg.Connection
) -> None:
    await things.execute(
        "DROP ROLE IF EXISTS crowded; CREATE ROLE crowded LOGIN PASSWORD 'x' CONNECTION LIMIT 0"
    )
    url = with_user(scratch_database_url, "crowded", "x")
    database = Database(url, application_name="crowded")
    with pytest.raises((DBAPIError, asyncpg.PostgresError)) as caught:
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))
    assert is_unavailable(caught.value)
    await database.close()
    await things.execute("DROP ROLE crowded")


async def backends(connection: asyncpg.Connection, application: str) -> int:
    count = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", application
    )
    return int(count)


async def test_cancelling_requests_in_the_middle_of_a_query_leaks_nothing(
    scratch_database_url: str, things: asyncpg.Connection
) -> None:
    await things.execute("INSERT INTO things (name) VALUES ('row')")
    database = Database(scratch_database_url, application_name="cancelled", pool_size=10)
    chance = random.Random(7)  # noqa: S311 - the same delays every time
    ended = 0

    async def request() -> None:
        async with database.transaction() as session:
            await session.execute(text("UPDATE things SET n = n + 1 WHERE name = 'row'"))
            await session.execute(text("SELECT pg_sleep(0.02)"))

    async def cancelled_request() -> None:
        nonlocal ended
        task = asyncio.create_task(request())
        await asyncio.sleep(chance.uniform(0, 0.05))
        task.cancel()
        await asyncio.wait({task})
        ended += 1

    for _ in range(10):
        await asyncio.gather(*(cancelled_request() for _ in range(20)))
        assert await backends(things, "cancelled") <= 10
    assert ended == 200

    async def nobody_holds_anything() -> bool:
        busy = await things.fetchval(
            """SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'cancelled' AND state <> 'idle'"""
        )
        return bool(busy == 0)

    await eventually(nobody_holds_anything)
    async with database.transaction() as session:  # the row is free
        await session.execute(text("UPDATE things SET n = n + 1 WHERE name = 'row'"))
    await database.close()

    async def all_closed() -> bool:
        return await backends(things, "cancelled") == 0

    await eventually(all_closed)


async def test_a_cancellation_during_commit_waits_for_its_outcome(
    scratch_database: Database, things: asyncpg.Connection
) -> None:
    await things.execute(
        """CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION linger()"""
    )
    inserted = asyncio.Event()
    called: list[str] = []

    async def request() -> None:
        async with scratch_database.transaction() as session:
            await add(session, "a")
            after_commit(session, lambda: called.append("woken"))
            inserted.set()

    task = asyncio.create_task(request())
    await inserted.wait()

    async def committing() -> bool:
        return bool(
            await things.fetchval(
                "SELECT true FROM pg_stat_activity WHERE query LIKE 'COMMIT%' AND state = 'active'"
            )
        )

    await eventually(committing)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await names(things) == ["a"]
    assert called == ["woken"]
