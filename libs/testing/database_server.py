"""The database server of a test session: a migrated template, its clone, and quick ways to empty them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from libs.database.bootstrap import RolePasswords, bootstrap, dsn_of_database, roles_of
from libs.database.migrations import has_migrations, upgrade
from libs.testing.background import BackgroundLoop
from libs.topology import SERVICES, schema_of

Role = Literal["app", "migrator", "superuser"]

_PASSWORD: Final = "test"  # noqa: S105 - opens a server that lives as long as the test run
_PASSWORDS: Final = {service: RolePasswords(_PASSWORD, _PASSWORD) for service in SERVICES}
_SEEDS: Final = "test_seeds"

# Only tables with rows: truncating an empty one costs as much as truncating a full one.
_EMPTY: Final = """
DO $$
DECLARE
    name text;
    filled text[] := '{}';
    has_rows boolean;
BEGIN
    FOR name IN
        SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname = ANY (string_to_array('{schemas}', ',')) AND tablename <> 'alembic_version'
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO has_rows;
        IF has_rows THEN
            filled := filled || name;
        END IF;
    END LOOP;
    IF filled <> '{}' THEN
        EXECUTE 'TRUNCATE ' || array_to_string(filled, ', ') || ' RESTART IDENTITY CASCADE';
    END IF;
END $$
"""

_WIPE: Final = """
SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    CREATE SCHEMA public;
END $$
"""


@dataclass
class DatabaseServer:
    """The session's database, a clone of a template that holds every service's migrated schema."""

    admin_dsn: str
    name: str
    loop: BackgroundLoop
    failures: dict[str, Exception] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _seeded: dict[str, list[str]] = field(default_factory=dict)
    _empty_ones: list[str] = field(default_factory=list)
    _cleaner: asyncpg.Connection | None = None

    @property
    def template(self) -> str:
        return f"{self.name}_template"

    def prepare(self) -> None:
        """Create template and database. A service whose migrations fail is reported to whoever asks for it."""
        self.loop.run(self._prepare())

    def url(self, service: str, role: Role = "app", *, database: str | None = None) -> str:
        """Return the address of a service's database for one of its roles.

        Raises:
            AssertionError: the service has no migrations.
            Exception: what its migrations raised.
        """
        if service in self.failures:
            raise self.failures[service]
        return self._url(service, role, database or self.name)

    def clone(self, *, migrated: bool = True) -> str:
        """Create another database, migrated or only bootstrapped, and return its name."""
        return self.loop.run(self._clone(f"{self.name}_{next(self._numbers)}", migrated=migrated))

    def borrow_empty(self) -> str:
        """Return the name of a database without any schema of ours."""
        if self._empty_ones:
            return self._empty_ones.pop()
        name = f"{self.name}_empty_{next(self._numbers)}"
        self.loop.run(self._admin(f'CREATE DATABASE "{name}" TEMPLATE template0'))
        return name

    def give_back(self, name: str) -> None:
        """Make a borrowed database empty again: several times faster than creating and dropping one."""
        self.loop.run(self._wipe(name))
        self._empty_ones.append(name)

    def drop(self, name: str) -> None:
        """Remove a database together with whoever is still connected to it."""
        self.loop.run(self._admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def empty(self, services: set[str]) -> list[str]:
        """Remove all rows of these services; return the sessions that had to be ended because they stood in the way."""
        return self.loop.run(self._empty(services))

    def close(self) -> None:
        """Close the cleaning connection and remove the databases."""
        self.loop.run(self._close())

    async def _prepare(self) -> None:
        await self._close()
        await bootstrap(self.admin_dsn, _PASSWORDS, database=self.template)
        for service in SERVICES:
            await self._migrate(service)
        await self._clone(self.name, migrated=True)

    async def _migrate(self, service: str) -> None:
        if not has_migrations(service):
            self.failures[service] = AssertionError(
                f"services/{service}/migrations has no versions"
            )
            return
        try:
            await upgrade(service, self._url(service, "migrator", self.template))
            self._seeded[service] = await self._keep_seeds(service)
        except Exception as error:  # noqa: BLE001 - one broken service must not stop the other five's tests
            self.failures[service] = error

    async def _keep_seeds(self, service: str) -> list[str]:
        """Copy the rows that migrations wrote, so that emptying can bring them back."""
        connection = await asyncpg.connect(dsn_of_database(self.admin_dsn, self.template))
        try:
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_SEEDS}")
            tables = await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename <> 'alembic_version'",
                schema_of(service),
            )
            return [
                restore
                for (table,) in tables
                if (restore := await _keep_seeds_of(connection, service, table))
            ]
        finally:
            await connection.close()

    async def _clone(self, name: str, *, migrated: bool) -> str:
        if migrated:
            await self._admin(f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        await bootstrap(self.admin_dsn, _PASSWORDS, database=name)
        return name

    async def _admin(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _wipe(self, name: str) -> None:
        connection = await asyncpg.connect(dsn_of_database(self.admin_dsn, name))
        try:
            await connection.execute(_WIPE)
        finally:
            await connection.close()

    async def _empty(self, services: set[str]) -> list[str]:
        connection = await self._cleaning_connection()
        schemas = ",".join(sorted(schema_of(service) for service in services))
        statements = [_EMPTY.replace("{schemas}", schemas)]
        for service in sorted(services):
            statements += self._seeded.get(service, [])
        try:
            await connection.execute(";".join(statements))
        except asyncpg.LockNotAvailableError:
            ended = await connection.fetch(
                "SELECT application_name || ': ' || query AS what, pg_terminate_backend(pid, 2000) "
                "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await connection.execute(";".join(statements))
            return [str(row["what"]) for row in ended]
        return []

    async def _cleaning_connection(self) -> asyncpg.Connection:
        if self._cleaner is None or self._cleaner.is_closed():
            self._cleaner = await asyncpg.connect(
                dsn_of_database(self.admin_dsn, self.name),
                # As a replica, so that triggers that forbid deleting stay out of the way.
                server_settings={"session_replication_role": "replica", "lock_timeout": "3s"},
            )
        return self._cleaner

    async def _close(self) -> None:
        if self._cleaner is not None:
            await self._cleaner.close()
            self._cleaner = None
        await self._admin(
            *(
                f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
                for name in (self.name, self.template, *self._empty_ones)
            )
        )

    def _url(self, service: str, role: Role, database: str) -> str:
        dsn = dsn_of_database(self.admin_dsn, database)
        if role == "superuser":
            return dsn
        _, migrator, app = roles_of(service)
        return with_user(dsn, migrator if role == "migrator" else app, _PASSWORD)


async def _keep_seeds_of(connection: asyncpg.Connection, service: str, table: str) -> str | None:
    source = f'{schema_of(service)}."{table}"'
    if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {source})"):  # noqa: S608 - from the catalogue
        return None
    columns = await connection.fetchval(
        """SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''""",
        source,
    )
    copy = f'{_SEEDS}."{service}_{table}"'
    await connection.execute(f"CREATE TABLE {copy} AS SELECT {columns} FROM {source}")  # noqa: S608 - from the catalogue
    return f"INSERT INTO {source} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {copy}"  # noqa: S608 - from the catalogue


def with_user(dsn: str, user: str, password: str) -> str:
    """Return `dsn` with other credentials."""
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{host}"))
