"""The database from the command line: `python -m libs.database bootstrap | upgrade | migration`.

Addresses and passwords come from the environment: ADMIN_DATABASE_URL, MIGRATOR_DATABASE_URL_ORDER,
MIGRATOR_PASSWORD_ORDER, APP_PASSWORD_ORDER and so on; the authorities of the server's certificate from DATABASE_CA_FILE.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Final

import asyncpg
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from libs.database.bootstrap import RolePasswords, bootstrap
from libs.database.drafts import MigrationsError
from libs.database.migrations import has_migrations, make_migration, upgrade
from libs.settings import DatabaseSettings, read_settings, with_secrets
from libs.topology import DATABASE_NAME, SERVICES

EXIT_FAILED: Final = 2


class _Environment(DatabaseSettings):
    admin_database_url: SecretStr | None = None
    database_name: str = DATABASE_NAME

    def secret(self, name: str) -> str:
        value: SecretStr | None = getattr(self, name)
        if value is None:
            raise MigrationsError(f"{name.upper()} is not set")
        return value.get_secret_value()


_PER_SERVICE: Final = ("migrator_database_url", "migrator_password", "app_password")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        done = asyncio.run(_run(options, _read_environment()))
    except (MigrationsError, ValueError, OSError, asyncpg.PostgresError, SQLAlchemyError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return EXIT_FAILED
    sys.stdout.write("".join(f"{line}\n" for line in done))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m libs.database", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("bootstrap", help="create database, roles, schemas and grants")
    upgrading = commands.add_parser("upgrade", help="run the migrations of one service or all")
    upgrading.add_argument("service", nargs="?", default="all", choices=("all", *SERVICES))
    migration = commands.add_parser("migration", help="write the next migration from the models")
    migration.add_argument("--service", required=True, choices=SERVICES)
    migration.add_argument("--message", required=True)
    return parser


def _read_environment() -> _Environment:
    names = (f"{name}_{service}" for name in _PER_SERVICE for service in SERVICES)
    return read_settings(with_secrets(_Environment, names))


async def _run(options: argparse.Namespace, environment: _Environment) -> list[str]:
    if options.command == "bootstrap":
        return await _bootstrap(environment)
    if options.command == "upgrade":
        return await _upgrade(options.service, environment)
    service: str = options.service
    url = environment.secret(f"migrator_database_url_{service}")
    ca_file = environment.database_ca_file
    return [str(await make_migration(service, options.message, url, ca_file=ca_file))]


async def _bootstrap(environment: _Environment) -> list[str]:
    passwords = {
        service: RolePasswords(
            migrator=environment.secret(f"migrator_password_{service}"),
            app=environment.secret(f"app_password_{service}"),
        )
        for service in SERVICES
    }
    name = environment.database_name
    address, ca_file = environment.secret("admin_database_url"), environment.database_ca_file
    await bootstrap(address, passwords, database=name, ca_file=ca_file)
    return [f"database {name}: roles, schemas and grants of {len(passwords)} services are in place"]


async def _upgrade(chosen: str, environment: _Environment) -> list[str]:
    every = [service for service in SERVICES if has_migrations(service)]
    services = every if chosen == "all" else [chosen]
    for service in services:
        url = environment.secret(f"migrator_database_url_{service}")
        await upgrade(service, url, ca_file=environment.database_ca_file)
    return [f"{service}: at the newest migration" for service in services]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
