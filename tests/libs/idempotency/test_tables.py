import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, MetaData

from libs.database.session import Database
from libs.idempotency.tables import (
    create_idempotency_table,
    drop_idempotency_table,
    idempotency_keys,
)
from libs.privacy.tables import (
    create_data_keys,
    data_keys,
    drop_data_keys,
    plain_text_transition,
)


async def test_the_migration_makes_the_declared_table_and_takes_it_back(
    scratch_database: Database, scratch_database_url: str
) -> None:
    declared = MetaData(naming_convention=idempotency_keys.metadata.naming_convention)
    for table in (idempotency_keys, data_keys, plain_text_transition):
        table.to_metadata(declared)

    def create_and_compare(connection: Connection) -> list[object]:
        migration = MigrationContext.configure(connection)
        create_idempotency_table(Operations(migration))
        create_data_keys(Operations(migration), "order")
        return list(compare_metadata(migration, declared))

    def drop(connection: Connection) -> None:
        drop_data_keys(Operations(MigrationContext.configure(connection)))
        drop_idempotency_table(Operations(MigrationContext.configure(connection)))

    async with scratch_database.transaction() as session:
        connection = await session.connection()
        assert await connection.run_sync(create_and_compare) == []
        await connection.run_sync(drop)
    admin = await asyncpg.connect(scratch_database_url)
    assert await admin.fetchval("SELECT to_regclass('idempotency_keys')") is None
    await admin.close()
