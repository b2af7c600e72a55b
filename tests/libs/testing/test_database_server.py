"""Emptying databases between tests, on a server with two small services of our own."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from libs.database import migrations
from libs.testing.background import BackgroundLoop
from libs.testing.database_server import DatabaseServer
from libs.testing.databases import Databases, service_of_test
from libs.testing.servers import running_postgres

ENV = """
from alembic import context
from sqlalchemy import MetaData

from libs.database.migrations import run_migrations

run_migrations(context.config, MetaData())
"""

MIGRATION = """
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("CREATE TABLE kinds (name text PRIMARY KEY, upper text GENERATED ALWAYS AS (upper(name)) STORED)")
    op.execute("INSERT INTO kinds (name) VALUES ('cash'), ('clearing')")
    op.execute("CREATE TABLE parents (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")
    op.execute("CREATE TABLE children (parent_id bigint REFERENCES parents, kind text REFERENCES kinds)")
    op.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'append only'; END $$")
    op.execute("CREATE TRIGGER refuse BEFORE TRUNCATE ON children FOR EACH STATEMENT EXECUTE FUNCTION refuse()")
"""


@pytest.fixture(scope="module")
def server(
    background: BackgroundLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseServer]:
    folder = tmp_path_factory.mktemp("services")
    _write(folder / "payment", MIGRATION)
    _write(folder / "order", MIGRATION)
    _write(folder / "cart", "raise RuntimeError('half written')")
    with pytest.MonkeyPatch.context() as patch, running_postgres() as dsn:
        patch.setattr(migrations, "_SERVICES_FOLDER", folder)
        server = DatabaseServer(dsn, "emptied", background)
        server.prepare()
        yield server
        server.close()


def _write(folder: Path, migration: str) -> None:
    (folder / "migrations" / "versions").mkdir(parents=True)
    (folder / "migrations" / "env.py").write_text(ENV)
    (folder / "migrations" / "versions" / "0001_x.py").write_text(migration)


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO kinds (name) VALUES ('extra')")
    await connection.execute("INSERT INTO parents DEFAULT VALUES")
    await connection.execute("INSERT INTO children VALUES (1, 'extra')")
    await connection.close()


async def kinds(url: str) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT name, upper FROM kinds ORDER BY name")
    await connection.close()
    return [(row["name"], row["upper"]) for row in rows]


async def test_after_a_test_only_what_migrations_wrote_is_left(server: DatabaseServer) -> None:
    for _ in range(2):
        databases = Databases(lambda: server)
        await fill(databases["payment"])
        databases.clean()
        assert await kinds(server.url("payment")) == [("cash", "CASH"), ("clearing", "CLEARING")]


async def test_the_schema_of_a_service_the_test_did_not_use_is_left_alone(
    server: DatabaseServer,
) -> None:
    await fill(server.url("order"))
    databases = Databases(lambda: server)
    assert databases.url("payment")
    databases.clean()
    assert len(await kinds(server.url("order"))) == 3
    server.empty({"order"})


async def test_a_test_that_leaves_a_transaction_open_is_told_so(server: DatabaseServer) -> None:
    databases = Databases(lambda: server)
    leaked = await asyncpg.connect(
        databases["payment"], server_settings={"application_name": "leaky"}
    )
    await leaked.execute("BEGIN")
    await leaked.execute("INSERT INTO parents DEFAULT VALUES")
    other = await asyncpg.connect(server.url("payment"))
    await other.execute("INSERT INTO parents DEFAULT VALUES")
    await other.close()
    with pytest.raises(AssertionError, match="leaky: INSERT INTO parents"):
        databases.clean()
    leaked.terminate()


async def test_a_service_whose_migrations_fail_is_reported_to_those_who_need_it(
    server: DatabaseServer,
) -> None:
    with pytest.raises(RuntimeError, match="half written"):
        server.url("cart")
    with pytest.raises(AssertionError, match="services/user/migrations has no versions"):
        server.url("user")
    assert server.url("order")


async def test_a_clone_is_migrated_and_a_world_of_its_own(server: DatabaseServer) -> None:
    databases = Databases(lambda: server)
    fresh = databases.fresh()
    await fill(fresh.url("payment"))
    assert len(await kinds(fresh.url("payment"))) == 3
    assert len(await kinds(server.url("payment"))) == 2
    databases.clean()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(fresh.url("payment", "superuser"))


async def test_a_bootstrapped_database_has_schemas_without_tables(server: DatabaseServer) -> None:
    databases = Databases(lambda: server)
    connection = await asyncpg.connect(databases.fresh(migrated=False).url("payment"))
    assert await connection.fetchval("SELECT current_schema()") == "shop_payment"
    assert await connection.fetchval("SELECT to_regclass('kinds')") is None
    await connection.close()
    databases.clean()


async def test_a_scratch_database_comes_back_empty(server: DatabaseServer) -> None:
    for _ in range(2):
        databases = Databases(lambda: server)
        connection = await asyncpg.connect(databases.scratch())
        await connection.execute(
            "CREATE TABLE t (id int); CREATE SCHEMA s; CREATE TABLE s.t (id int)"
        )
        databases.clean()
        connection.terminate()


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/repo/tests/order/test_routes.py", "order"),
        ("/order/tests/libs/test_money.py", None),
        ("/tests/auth/deep/test_x.py", "auth"),
    ],
)
def test_a_test_belongs_to_the_service_of_its_folder(path: str, service: str | None) -> None:
    assert service_of_test(Path(path).parts) == service


def test_addresses_are_listed_for_every_service(server: DatabaseServer) -> None:
    databases = Databases(lambda: server)
    assert len(databases) == len(list(databases)) == 6
