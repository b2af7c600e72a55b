"""Servers that are away, full, silent or ended, and requests that are cancelled."""

import asyncio
import os
import random
import signal

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from libs.database.session import (
    Database,
    DatabaseUnreachableError,
    Patience,
    after_commit,
    is_unavailable,
)
from libs.testing.database_server import with_user
from libs.testing.settings import TestEnvironment
from libs.testing.waiting import eventually
from tests.libs.database.conftest import add, names


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
    scratch_database_url: str,
) -> None:
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
    scratch_database_url: str,
) -> None:
    if TestEnvironment().test_database_url is not None:
        pytest.skip(
            "the server may be on another machine, where the number of its process names a stranger"
        )
    hasty = Patience(statement=2)
    database = Database(
        scratch_database_url, application_name="silent", pool_size=1, patience=hasty
    )

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


async def test_the_pool_tells_how_many_of_its_connections_are_held(
    scratch_database_url: str,
) -> None:
    database = Database(scratch_database_url, application_name="counted", pool_size=3)
    assert database.connections_in_use == 0
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))
        assert database.connections_in_use == 1
    assert database.connections_in_use == 0
    await database.close()
