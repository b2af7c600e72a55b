"""Creates the database, its roles, schemas and grants; running it again changes nothing but the passwords.

Each service gets a role that owns its tables and cannot log in, one that migrates as that owner, and one that may
only read and write rows. It needs no superuser: CREATEDB and CREATEROLE are enough, as on RDS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from libs.database.scram import scram_verifier
from libs.database.tls import tls_arguments
from libs.topology import DATABASE_NAME, SERVICES, schema_of

EXTENSIONS: Final = ("pg_trgm", "unaccent", "citext", "btree_gin")
_LOCK: Final = 0x4D6572_6964_6961  # one bootstrap at a time per server


@dataclass(frozen=True, slots=True)
class RolePasswords:
    """The passwords of a service's two roles that log in."""

    migrator: str = field(repr=False)
    app: str = field(repr=False)


async def bootstrap(
    admin_dsn: str,
    passwords: Mapping[str, RolePasswords],
    *,
    database: str = DATABASE_NAME,
    ca_file: Path | None = None,
) -> None:
    """Bring the server behind `admin_dsn` to the state every service expects.

    Safe to run again and by several processes at once. Services without an entry in `passwords` are left alone.

    Raises:
        ValueError: a password is not printable ASCII.
        asyncpg.PostgresError: the administrator lacks a right.
    """
    verifiers = {
        service: (scram_verifier(given.migrator), scram_verifier(given.app))
        for service, given in passwords.items()
    }
    services = [service for service in SERVICES if service in verifiers]
    tls = tls_arguments(ca_file)
    admin = await asyncpg.connect(admin_dsn, **tls)
    try:
        await admin.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _create_database(admin, database)
        for service in services:
            await _create_roles(admin, service, *verifiers[service])
        target = await asyncpg.connect(dsn_of_database(admin_dsn, database), **tls)
        try:
            async with target.transaction():
                await _secure_database(target, database)
                for service in services:
                    await _create_schema(target, database, service)
        finally:
            await target.close()
    finally:
        await admin.close()  # releases the advisory lock


def dsn_of_database(dsn: str, database: str) -> str:
    """Return `dsn` with another database name."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{quote(database)}"))


async def _create_database(admin: asyncpg.Connection, database: str) -> None:
    if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", database):
        # The builtin provider sorts the same on every platform and needs no ICU.
        await admin.execute(
            f"CREATE DATABASE {_quoted(database)} TEMPLATE template0 ENCODING 'UTF8' "
            "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
        )


async def _create_roles(
    admin: asyncpg.Connection, service: str, migrator_verifier: str, app_verifier: str
) -> None:
    schema = schema_of(service)
    owner, migrator, app = roles_of(service)
    await _create_role(admin, owner, "NOLOGIN")
    await _create_role(admin, migrator, f"LOGIN PASSWORD '{migrator_verifier}'")
    await _create_role(admin, app, f"LOGIN PASSWORD '{app_verifier}'")
    # SET without INHERIT: the migrator acts as the owner only where it says so. The administrator needs the same to
    # create the schema in the owner's name when it is no superuser.
    await admin.execute(f"GRANT {owner} TO {migrator} WITH INHERIT FALSE, SET TRUE")
    await admin.execute(f"GRANT {owner} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE")
    for role in (migrator, app):
        await admin.execute(f"ALTER ROLE {role} SET search_path = {schema}, ext")


async def _create_role(admin: asyncpg.Connection, role: str, options: str) -> None:
    exists = await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if exists else "CREATE"
    await admin.execute(f"{verb} ROLE {role} {options}")


async def _secure_database(target: asyncpg.Connection, database: str) -> None:
    await target.execute(f"REVOKE ALL ON DATABASE {_quoted(database)} FROM PUBLIC")
    await target.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    await target.execute("CREATE SCHEMA IF NOT EXISTS ext")
    for extension in EXTENSIONS:
        await target.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA ext")


async def _create_schema(target: asyncpg.Connection, database: str, service: str) -> None:
    schema = schema_of(service)
    owner, migrator, app = roles_of(service)
    statements = (
        f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {migrator}, {app}",
        f"GRANT USAGE ON SCHEMA ext TO {owner}, {migrator}, {app}",
        f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}",
        f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA {schema} TO {migrator}, {app}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} "
        f"GRANT USAGE ON SEQUENCES TO {app}",
    )
    for statement in statements:
        await target.execute(statement)


def roles_of(service: str) -> tuple[str, str, str]:
    """Name a service's roles: owner, migrator, application."""
    schema = schema_of(service)
    return f"{schema}_owner", f"{schema}_migrator", f"{schema}_app"


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
