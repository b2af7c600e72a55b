from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text

from libs.database.base import NAMING_CONVENTION
from libs.database.session import Database
from libs.messaging.tables import drop_messaging_tables, inbox_messages, outbox_messages


async def test_the_migration_creates_what_the_tables_say(database: Database) -> None:
    expected = MetaData(naming_convention=NAMING_CONVENTION)
    for table in (outbox_messages, inbox_messages):
        table.to_metadata(expected)

    def differences(connection: Connection) -> list[object]:
        # Partitions are no tables of the model: weeks come and go.
        whole = {table.name for table in (outbox_messages, inbox_messages)}
        options = {
            "compare_server_default": True,
            "include_name": lambda name, kind, _: kind != "table" or name in whole,
        }
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, expected))

    async with database.transaction() as session:
        connection = await session.connection()
        assert await connection.run_sync(differences) == []


async def test_the_migration_can_be_undone(database: Database) -> None:
    statements: list[str] = []

    class Steps:
        def execute(self, sqltext: str, /) -> None:
            statements.append(sqltext)

    drop_messaging_tables(Steps())
    async with database.transaction() as session:
        for statement in statements:
            await session.execute(text(statement))
        left = await session.scalar(
            text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        )
    assert left == 0
