"""Commands for operators: `python -m services.auth.cli create-admin --email ops@example.com < password`.

Read from the environment: REGION, DATABASE_URL, MASTER_KEY and, where there is no standard input, ADMIN_PASSWORD.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from libs.audit.log import AuditLog
from libs.database.session import Database
from libs.messaging.outbox import Outbox
from libs.privacy.columns import attach
from libs.privacy.keys import DataKeys
from libs.security.master_key import open_master_key
from libs.settings import read_settings
from services.auth.domain.accounts import normalised_email
from services.auth.domain.passwords import normalised_password
from services.auth.repository import unit_of
from services.auth.service.accounts import AccountService
from services.auth.service.passwords import Passwords
from services.auth.settings import AdministratorSettings, AuthSettings

EXIT_BAD_INPUT = 2


async def create_admin(
    settings: AdministratorSettings, email: str, display_name: str, password: str
) -> str:
    """Make sure that this administrator exists; return the id. The service's relay tells the others."""
    async with _database(settings) as database, database.transaction() as session:
        accounts = AccountService(
            unit_of(
                session,
                Outbox(session, AuthSettings.service, settings.region, wake=lambda: None),
                AuditLog(session),
            ),
            settings.region,
        )
        return await accounts.ensure_admin(email, display_name, password, Passwords(1, 1))


@asynccontextmanager
async def _database(settings: AdministratorSettings) -> AsyncIterator[Database]:
    url = settings.database_url.get_secret_value()
    database = Database(url, application_name="auth-cli", pool_size=1)
    try:
        async with open_master_key(settings) as master_key:
            attach(database, DataKeys(database, master_key, AuthSettings.service))
            yield database
    finally:
        await database.close()


def main(arguments: Sequence[str], settings: AdministratorSettings) -> int:
    """Run a command; the password is never an argument, because every process list shows those."""
    parser = argparse.ArgumentParser(prog="python -m services.auth.cli")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("create-admin", help="create or reset an administrator")
    command.add_argument("--email", required=True)
    command.add_argument("--display-name", default="Administrator")
    given = parser.parse_args(arguments)
    try:
        email = normalised_email(given.email)
        password = normalised_password(_password(settings))
    except ValueError as error:
        sys.stderr.write(f"e-mail address or password {error}\n")
        return EXIT_BAD_INPUT
    user_id = asyncio.run(create_admin(settings, email, given.display_name, password))
    sys.stdout.write(f"{user_id}\n")
    return 0


def _password(settings: AdministratorSettings) -> str:
    if settings.admin_password is not None:
        return settings.admin_password.get_secret_value()
    return sys.stdin.readline().rstrip("\r\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], read_settings(AdministratorSettings)))
