import asyncio
from collections.abc import Iterator
from itertools import product

import asyncpg
import pytest

from libs.database.bootstrap import RolePasswords, bootstrap, dsn_of_database, roles_of
from libs.testing.background import BackgroundLoop
from libs.testing.database_server import with_user
from libs.testing.servers import running_postgres
from libs.topology import SERVICES, schema_of

PASSWORDS = {service: RolePasswords(f"m-{service}", f"a-{service}") for service in SERVICES}
PAIRS = [pair for pair in product(SERVICES, SERVICES) if pair[0] != pair[1]]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of these tests' own: roles and their passwords belong to the whole of it."""
    with running_postgres() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def prepared(server: str, background: BackgroundLoop) -> str:
    """The administrator's address of a bootstrapped database with one table in each schema."""
    background.run(bootstrap(server, PASSWORDS, database="bootstrap_test"))
    dsn = dsn_of_database(server, "bootstrap_test")
    background.run(create_things(dsn))
    return dsn


async def create_things(dsn: str) -> None:
    for service in SERVICES:
        connection = await connect(dsn, service, 1)
        await connection.execute(f"SET ROLE {roles_of(service)[0]}")
        await connection.execute(
            "CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)"
        )
        await connection.close()


async def connect(dsn: str, service: str, role: int) -> asyncpg.Connection:
    return await asyncpg.connect(with_user(dsn, roles_of(service)[role], "unused: trusted socket"))


async def test_six_schemas_serve_their_own_role_and_thirty_readings_are_denied(
    prepared: str,
) -> None:
    assert len(PAIRS) == 30
    for reader in SERVICES:
        connection = await connect(prepared, reader, 2)
        await connection.execute("INSERT INTO things (name) VALUES ('mine')")
        await connection.execute("UPDATE things SET name = 'still mine'")
        assert await connection.fetchval("SELECT name FROM things") == "still mine"
        await connection.execute("DELETE FROM things")
        for owner in (other for mine, other in PAIRS if mine == reader):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {schema_of(owner)}.things")  # noqa: S608 - our own names
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (id int)",
        "CREATE TABLE ext.other (id int)",
        "CREATE TABLE public.other (id int)",
        "CREATE TEMP TABLE other (id int)",
        "CREATE SCHEMA other",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE EXTENSION hstore",
        "CREATE ROLE other",
        "ALTER TABLE things ADD COLUMN extra int",
        "DROP TABLE things",
        "TRUNCATE things",
        "SET ROLE shop_order_owner",
        "SET ROLE shop_order_migrator",
    ],
)
async def test_the_application_role_reads_and_writes_rows_and_nothing_else(
    prepared: str, statement: str
) -> None:
    connection = await connect(prepared, "order", 2)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_the_migrator_owns_nothing_until_it_acts_as_the_owner(prepared: str) -> None:
    connection = await connect(prepared, "order", 1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE TABLE mine (id int)")
    await connection.execute("SET ROLE shop_order_owner")
    await connection.execute("CREATE TABLE mine (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("SET ROLE shop_payment_owner")
    await connection.close()


async def test_the_public_may_not_even_connect(prepared: str) -> None:
    admin = await asyncpg.connect(prepared)
    await admin.execute("CREATE ROLE stranger LOGIN")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(with_user(prepared, "stranger", "x"))
    rights = await admin.fetch(
        """SELECT nspname FROM pg_namespace
        WHERE (nspname LIKE 'shop%' OR nspname IN ('ext', 'public'))
          AND has_schema_privilege('stranger', oid, 'USAGE')"""
    )
    await admin.execute("DROP ROLE stranger")
    await admin.close()
    assert rights == []


async def test_owners_cannot_log_in_and_passwords_are_stored_as_scram(prepared: str) -> None:
    admin = await asyncpg.connect(prepared)
    rows = await admin.fetch(
        "SELECT rolname, rolcanlogin, rolpassword FROM pg_authid WHERE rolname LIKE 'shop%'"
    )
    await admin.close()
    assert len(rows) == 18
    for row in rows:
        assert row["rolcanlogin"] is not row["rolname"].endswith("_owner")
        assert row["rolname"].endswith("_owner") or row["rolpassword"].startswith("SCRAM-SHA-256$")


async def test_extensions_are_found_without_naming_their_schema(prepared: str) -> None:
    connection = await connect(prepared, "product", 2)
    assert await connection.fetchval("SELECT similarity('mug', 'mugs') > 0.4")
    assert await connection.fetchval("SELECT unaccent('café')") == "cafe"
    assert await connection.fetchval("SHOW search_path") == "shop_product, ext"
    await connection.close()


async def test_bootstrap_may_run_again_and_at_the_same_time(server: str, prepared: str) -> None:
    await asyncio.gather(
        *(bootstrap(server, PASSWORDS, database="bootstrap_test") for _ in range(8)),
        *(bootstrap(server, PASSWORDS, database="bootstrap_other") for _ in range(2)),
    )
    connection = await connect(prepared, "cart", 2)
    assert await connection.fetch("SELECT * FROM things") == []
    await connection.close()
    admin = await asyncpg.connect(server)
    await admin.execute("DROP DATABASE bootstrap_other WITH (FORCE)")
    await admin.close()


@pytest.fixture
def other_cluster() -> Iterator[str]:
    with running_postgres() as dsn:
        yield dsn


async def test_no_superuser_is_needed(other_cluster: str) -> None:
    admin = await asyncpg.connect(other_cluster)
    await admin.execute("CREATE ROLE manager LOGIN CREATEDB CREATEROLE")
    await admin.close()
    dsn = with_user(other_cluster, "manager", "x")
    for _ in range(2):
        await bootstrap(dsn, PASSWORDS)
    connection = await connect(dsn_of_database(dsn, "meridian"), "order", 1)
    await connection.execute("SET ROLE shop_order_owner")
    await connection.execute("CREATE TABLE things (name ext.citext)")
    await connection.close()


async def test_services_without_passwords_are_left_alone(other_cluster: str) -> None:
    await bootstrap(other_cluster, {"order": PASSWORDS["order"]})
    admin = await asyncpg.connect(dsn_of_database(other_cluster, "meridian"))
    schemas = await admin.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'shop%'")
    await admin.close()
    assert [row["nspname"] for row in schemas] == ["shop_order"]


def test_passwords_do_not_show_in_a_repr() -> None:
    assert "secret" not in repr(RolePasswords("secret", "secret"))
