import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config
from sqlalchemy import MetaData
from sqlalchemy.exc import DBAPIError

from libs.database import migrations
from libs.database.bootstrap import RolePasswords, bootstrap, dsn_of_database, roles_of
from libs.database.drafts import MigrationsError
from libs.database.migrations import (
    differences,
    downgrade,
    has_migrations,
    make_migration,
    run_migrations,
    upgrade,
)
from libs.testing.database_server import with_user
from libs.testing.servers import running_postgres
from libs.testing.waiting import eventually

ENV = """
import sqlalchemy as sa
from alembic import context

from libs.database.base import metadata_for_service
from libs.database.migrations import run_migrations

metadata = metadata_for_service()
sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, index=True),
    {extra}
)
run_migrations(context.config, metadata)
"""

FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "things",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_things"),
    )
    op.create_index("ix_things_name", "things", ["name"])
    op.execute("CREATE TABLE outbox_messages (id uuid PRIMARY KEY)")


def downgrade() -> None:
    op.drop_table("outbox_messages")
    op.drop_table("things")
"""


@dataclass(frozen=True)
class FreshDatabase:
    server: str

    def url(self, service: str, role: str = "app") -> str:
        _, migrator, app = roles_of(service)
        dsn = dsn_of_database(self.server, "meridian")
        return with_user(dsn, migrator if role == "migrator" else app, "unused")

    async def exists(self) -> bool:
        connection = await asyncpg.connect(self.server)
        found = await connection.fetchval("SELECT true FROM pg_database WHERE datname = 'meridian'")
        await connection.close()
        return bool(found)

    async def admin(self, statement: str) -> None:
        connection = await asyncpg.connect(dsn_of_database(self.server, "meridian"))
        await connection.execute(statement)
        await connection.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations of an order service of our own."""
    monkeypatch.setattr(migrations, "_SERVICES_FOLDER", tmp_path)
    folder = tmp_path / "order" / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV.format(extra=""))
    (folder / "versions" / "0001_create_things.py").write_text(FIRST)
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_postgres() as dsn:
        yield dsn


@pytest.fixture
async def fresh(server: str) -> FreshDatabase:
    """A database with roles and empty schemas."""
    fresh = FreshDatabase(server)
    if await fresh.exists():
        await fresh.admin("DROP SCHEMA shop_order CASCADE")
    await bootstrap(server, {"order": RolePasswords("m", "a")})
    return fresh


@pytest.fixture
def migrator_url(fresh: FreshDatabase) -> str:
    return fresh.url("order", "migrator")


async def test_upgrading_creates_tables_the_application_may_use(
    folder: Path, fresh: FreshDatabase, migrator_url: str
) -> None:
    await upgrade("order", migrator_url)
    connection = await asyncpg.connect(fresh.url("order"))
    await connection.execute("INSERT INTO things VALUES (1, 'a')")
    owner = await connection.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'things'")
    assert owner == "shop_order_owner"
    await connection.close()


async def test_the_application_may_read_but_not_change_the_version(
    folder: Path, fresh: FreshDatabase, migrator_url: str
) -> None:
    await upgrade("order", migrator_url)
    connection = await asyncpg.connect(fresh.url("order"))
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "0001"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("UPDATE alembic_version SET version_num = '0009'")
    await connection.close()


async def test_upgrading_an_up_to_date_schema_does_not_even_load_the_models(
    folder: Path, migrator_url: str
) -> None:
    await upgrade("order", migrator_url)
    (folder / "env.py").write_text("raise RuntimeError('loaded')")
    await upgrade("order", migrator_url)
    (folder / "versions" / "0002_x.py").write_text(
        FIRST.replace('"0001"', '"0002"').replace("= None", '= "0001"')
    )
    with pytest.raises(RuntimeError, match="loaded"):
        await upgrade("order", migrator_url)


async def test_the_code_before_leaves_a_schema_that_is_ahead_of_it_alone(
    folder: Path, fresh: FreshDatabase, migrator_url: str
) -> None:
    later = folder / "versions" / "0002_add_others.py"
    later.write_text(
        FIRST.replace('"0001"', '"0002"')
        .replace("= None", '= "0001"')
        .replace("things", "others")
        .replace("outbox_messages", "inbox_messages")
    )
    await upgrade("order", migrator_url)
    later.unlink()
    await upgrade("order", migrator_url)
    connection = await asyncpg.connect(fresh.url("order"))
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "0002"
    assert await connection.fetchval("SELECT count(*) FROM others") == 0
    await connection.close()


async def test_many_processes_may_upgrade_at_once(
    folder: Path, fresh: FreshDatabase, migrator_url: str
) -> None:
    await asyncio.gather(*(upgrade("order", migrator_url) for _ in range(5)))
    connection = await asyncpg.connect(fresh.url("order"))
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "0001"
    await connection.close()


async def test_a_failing_migration_changes_nothing(
    folder: Path, fresh: FreshDatabase, migrator_url: str
) -> None:
    broken = FIRST.replace("CREATE TABLE outbox_messages", "CREATE NONSENSE")
    (folder / "versions" / "0001_create_things.py").write_text(broken)
    with pytest.raises(DBAPIError):
        await upgrade("order", migrator_url)
    connection = await asyncpg.connect(migrator_url)
    assert await connection.fetchval("SELECT to_regclass('shop_order.things')") is None
    await connection.close()


SECOND = """
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE outbox_messages ADD COLUMN note text")
    op.execute("ALTER TABLE things ADD COLUMN note text")


def downgrade() -> None:
    op.drop_column("things", "note")
    op.drop_column("outbox_messages", "note")
"""


async def test_a_migration_that_deadlocks_with_requests_lets_them_pass_and_is_run_again(
    folder: Path, fresh: FreshDatabase, migrator_url: str
) -> None:
    await upgrade("order", migrator_url)
    (folder / "versions" / "0002_add_notes.py").write_text(SECOND)
    request = await asyncpg.connect(
        dsn_of_database(fresh.server, "meridian"), server_settings={"deadlock_timeout": "1min"}
    )
    transaction = request.transaction()
    await transaction.start()
    await request.execute("SELECT FROM shop_order.things")
    upgrading = asyncio.create_task(upgrade("order", migrator_url))
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    await eventually(lambda: request.fetchval(waiting))
    await request.execute("SELECT FROM shop_order.outbox_messages")  # the migration holds it
    await transaction.commit()
    await upgrading
    assert await request.fetchval("SELECT version_num FROM shop_order.alembic_version") == "0002"
    await request.close()


async def test_downgrading_leaves_the_schema_empty(folder: Path, migrator_url: str) -> None:
    await upgrade("order", migrator_url)
    await downgrade("order", migrator_url, "base")
    connection = await asyncpg.connect(migrator_url)
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'shop_order'"
    )
    await connection.close()
    assert [row["tablename"] for row in tables] == ["alembic_version"]
    await upgrade("order", migrator_url)


async def test_models_and_migrations_are_compared_without_the_shared_tables(
    folder: Path, migrator_url: str
) -> None:
    await upgrade("order", migrator_url)
    assert await differences("order", migrator_url) == []
    (folder / "env.py").write_text(ENV.format(extra='sa.Column("gift_note", sa.Text),'))
    assert "gift_note" in str(await differences("order", migrator_url))


async def test_a_new_migration_is_numbered_and_takes_the_schema_to_the_models(
    folder: Path, migrator_url: str
) -> None:
    await upgrade("order", migrator_url)
    (folder / "env.py").write_text(ENV.format(extra='sa.Column("gift_note", sa.Text),'))
    path = await make_migration("order", "add gift note", migrator_url)
    assert path == folder / "versions" / "0002_add_gift_note.py"
    assert path.read_text().startswith('"""Add gift note."""\n')
    await upgrade("order", migrator_url)
    assert await differences("order", migrator_url) == []
    await downgrade("order", migrator_url, "0001")


async def test_the_first_migration_of_a_service_can_be_written_too(
    folder: Path, migrator_url: str
) -> None:
    (folder / "versions" / "0001_create_things.py").unlink()
    assert not has_migrations("order")
    path = await make_migration("order", "create things", migrator_url)
    assert path.name == "0001_create_things.py"
    await upgrade("order", migrator_url)
    assert await differences("order", migrator_url) == []


async def test_a_migration_is_not_written_against_an_old_schema(
    folder: Path, migrator_url: str
) -> None:
    with pytest.raises(MigrationsError, match="upgrade the database to 0001 first"):
        await make_migration("order", "x", migrator_url)


async def test_a_service_without_migrations_is_named(folder: Path, migrator_url: str) -> None:
    with pytest.raises(MigrationsError, match="does not exist"):
        await upgrade("cart", migrator_url)


def test_the_alembic_command_is_sent_to_ours() -> None:
    with pytest.raises(MigrationsError, match=r"python -m libs\.database upgrade"):
        run_migrations(Config(), MetaData())
