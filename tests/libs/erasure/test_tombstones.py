import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, MetaData, text

from libs.database.session import Database
from libs.erasure import tombstones
from libs.erasure.tables import create_tombstones, drop_tombstones, erased_users
from libs.erasure.tombstones import AccountErased
from libs.testing.waiting import eventually


@pytest.fixture
async def graves(scratch_database: Database) -> Database:
    async with scratch_database.transaction() as session:
        connection = await session.connection()
        await connection.run_sync(
            lambda sync: create_tombstones(Operations(MigrationContext.configure(sync)))
        )
        await session.execute(text("CREATE TABLE things (owner text)"))
    return scratch_database


async def test_the_migration_makes_the_declared_table_and_takes_it_back(
    scratch_database: Database,
) -> None:
    declared = MetaData(naming_convention=erased_users.metadata.naming_convention)
    erased_users.to_metadata(declared)

    def create_and_compare(connection: Connection) -> list[object]:
        migration = MigrationContext.configure(connection)
        create_tombstones(Operations(migration))
        return list(compare_metadata(migration, declared))

    def drop(connection: Connection) -> None:
        drop_tombstones(Operations(MigrationContext.configure(connection)))

    async with scratch_database.transaction() as session:
        connection = await session.connection()
        assert await connection.run_sync(create_and_compare) == []
        await connection.run_sync(drop)


async def test_nothing_is_written_for_who_is_forgotten(graves: Database) -> None:
    async with graves.transaction() as session:
        await tombstones.require_living(session, "usr_1")
        await tombstones.bury(session, "usr_1", "ers_1")
        await tombstones.bury(session, "usr_1", "ers_2")
    async with graves.transaction() as session:
        assert await tombstones.unfinished(session, 10) == [("usr_1", "ers_1")]
        await tombstones.complete(session, "usr_1")
        assert await tombstones.unfinished(session, 10) == []
        await tombstones.require_living(session, "usr_2")
    with pytest.raises(AccountErased):
        async with graves.transaction() as session:
            await tombstones.require_living(session, "usr_1")


async def test_what_is_being_written_when_somebody_is_forgotten_is_seen_by_the_erasure(
    graves: Database,
) -> None:
    writing, go_on = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with graves.transaction() as session:
            await tombstones.require_living(session, "usr_1")
            writing.set()
            await go_on.wait()
            await session.execute(text("INSERT INTO things VALUES ('usr_1')"))

    async def erase() -> int:
        async with graves.transaction() as session:
            await tombstones.bury(session, "usr_1", "ers_1")
            found = await session.execute(text("DELETE FROM things RETURNING owner"))
            return len(found.all())

    writer = asyncio.create_task(write())
    await writing.wait()
    eraser = asyncio.create_task(erase())
    await _is_waiting(graves)
    go_on.set()
    assert await eraser == 1
    await writer


async def _is_waiting(database: Database) -> None:
    """Return once somebody waits for an advisory lock: no sooner can the writer go on."""

    async def somebody() -> int | None:
        async with database.transaction() as session:
            waiting: int | None = await session.scalar(
                text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            )
            return waiting

    await eventually(somebody, timeout=30)
