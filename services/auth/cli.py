"""Commands for operators: `python -m services.auth.cli create-admin --email ops@example.com < password`.

`register-client --file client.json` prints a new application's secret, or the id of one that has none or existed already.
Read from the environment: REGION, DATABASE_URL, DATABASE_CA_FILE, MASTER_KEY and, where there is no standard input, ADMIN_PASSWORD;
on developers' machines also ADMIN_TOTP_SECRET, with ENVIRONMENT=local.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import ValidationError

from libs.audit.log import SYSTEM, AuditLog
from libs.clock import SystemClock
from libs.database.session import Database
from libs.messaging.outbox import Outbox
from libs.privacy.columns import attach
from libs.privacy.keys import DataKeys
from libs.security.master_key import MasterKey, MasterKeyError, open_master_key
from libs.settings import problems_of, read_settings
from services.auth.domain.accounts import normalised_email
from services.auth.domain.passwords import normalised_password
from services.auth.errors import ClientExists, ClientNotFound
from services.auth.repository import unit_of
from services.auth.schemas.oauth import ClientRegistration
from services.auth.service.accounts import AccountService
from services.auth.service.key_rotation import KeyRotation, KeyUnknown, NextKeyTooYoung
from services.auth.service.oauth.clients import Clients
from services.auth.service.passwords import Passwords
from services.auth.service.sealing import KeyEncryption, PrivateKeys
from services.auth.settings import AdministratorSettings, AuthSettings

KEY_COMMANDS = {
    "list-keys": "show this region's signing keys",
    "rotate-keys": "let the next key sign",
    "revoke-key": "refuse a key's tokens from now on, because it leaked",
    "rewrap-keys": "wrap the private halves with the newest master key",
}

EXIT_NOT_NOW = 1
EXIT_BAD_INPUT = 2
OPERATOR = "operator"
"""Who did it, in the audit log: whoever may open a shell with auth's secrets; the cluster knows who that was."""


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
        user_id = await accounts.ensure_admin(email, display_name, password, Passwords(1, 1))
        if settings.admin_totp_secret is not None:
            await accounts.ensure_app(user_id, settings.admin_totp_secret.get_secret_value())
        return user_id


@asynccontextmanager
async def _database(settings: AdministratorSettings) -> AsyncIterator[Database]:
    async with _opened(settings) as (database, _):
        yield database


@asynccontextmanager
async def _opened(settings: AdministratorSettings) -> AsyncIterator[tuple[Database, MasterKey]]:
    url = settings.database_url.get_secret_value()
    database = Database(
        url, application_name="auth-cli", pool_size=1, ca_file=settings.database_ca_file
    )
    try:
        async with open_master_key(settings) as master_key:
            attach(database, DataKeys(database, master_key, AuthSettings.service))
            yield database, master_key
    finally:
        await database.close()


async def register_client(settings: AdministratorSettings, document: str) -> str:
    """Register the application a JSON document describes, or change it; return the secret of a new one that keeps one.

    Raises:
        ValueError: the document describes no application; the message says why.
        ClientNotFound: it would turn a client with a secret into one without, or the other way round.
    """
    registration = ClientRegistration.model_validate_json(document)
    async with _database(settings) as database:
        clients = Clients(database, SystemClock(), settings.audience)
        try:
            return await clients.create(registration, SYSTEM) or registration.client_id
        except ClientExists:
            await clients.update(registration, SYSTEM)
            return registration.client_id


async def rotate_client_secret(settings: AdministratorSettings, client_id: str) -> str:
    """Give an application another secret and return it; the one it had works for a day more.

    Raises:
        ClientNotFound: no application with a secret has this id.
    """
    async with _database(settings) as database:
        clients = Clients(database, SystemClock(), settings.audience)
        return await clients.rotate_secret(client_id, SYSTEM)


async def change_keys(settings: AdministratorSettings, command: str, kid: str) -> str:
    """Do one of KEY_COMMANDS and tell what was done.

    Raises:
        NextKeyTooYoung: it is too early to rotate.
        KeyUnknown: there is no such key to revoke.
        MasterKeyError: private halves cannot be wrapped or unwrapped now.
    """
    older = settings.signing_key_encryption_key
    encryption = None if older is None else KeyEncryption(older.get_secret_value())
    async with _opened(settings) as (database, master_key):
        private_keys = PrivateKeys(master_key, encryption)
        rotation = KeyRotation(database, private_keys, settings.region, SystemClock())
        if command == "rotate-keys":
            return f"signs now: {await rotation.rotate(actor=OPERATOR)}"
        if command == "revoke-key":
            await rotation.revoke(kid, actor=OPERATOR)
            return f"revoked: {kid}; nobody takes its tokens after a minute"
        if command == "rewrap-keys":
            return f"wrapped anew: {await rotation.rewrap()}"
        return "\n".join(
            f"{key.status:<8} {key.kid} published {key.created_at:%Y-%m-%d %H:%M} UTC"
            for key in await rotation.keys()
        )


def main(arguments: Sequence[str], settings: AdministratorSettings) -> int:
    """Run a command; no secret is ever an argument, because every process list shows those."""
    given = _parser().parse_args(arguments)
    try:
        answer = asyncio.run(_command(given, settings))
    except ValidationError as error:
        sys.stderr.writelines(f"{problem}\n" for problem in problems_of(error))
        return EXIT_BAD_INPUT
    except ValueError as error:
        sys.stderr.write(f"e-mail address or password {error}\n")
        return EXIT_BAD_INPUT
    except ClientNotFound:
        sys.stderr.write("no application of this kind has this id: see GET /v1/oauth-clients\n")
        return EXIT_BAD_INPUT
    except (NextKeyTooYoung, KeyUnknown, MasterKeyError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_NOT_NOW
    sys.stdout.write(f"{answer}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.auth.cli")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("create-admin", help="create or reset an administrator")
    command.add_argument("--email", required=True)
    command.add_argument("--display-name", default="Administrator")
    command = commands.add_parser("register-client", help="register or change an application")
    command.add_argument(
        "--file", type=_text_of, help="which describes it; otherwise standard input"
    )
    command = commands.add_parser("rotate-client-secret", help="give an application another secret")
    command.add_argument("--client-id", required=True)
    for name, told in KEY_COMMANDS.items():
        command = commands.add_parser(name, help=told)
        if name == "revoke-key":
            command.add_argument("kid", help="as list-keys, or the header of a token, says")
    return parser


async def _command(given: argparse.Namespace, settings: AdministratorSettings) -> str:
    if given.command == "register-client":
        return await register_client(settings, given.file or sys.stdin.read())
    if given.command == "rotate-client-secret":
        return await rotate_client_secret(settings, given.client_id)
    if given.command in KEY_COMMANDS:
        return await change_keys(settings, given.command, getattr(given, "kid", ""))
    email = normalised_email(given.email)
    password = normalised_password(_password(settings))
    return await create_admin(settings, email, given.display_name, password)


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error.strerror}") from error


def _password(settings: AdministratorSettings) -> str:
    if settings.admin_password is not None:
        return settings.admin_password.get_secret_value()
    return sys.stdin.readline().rstrip("\r\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], read_settings(AdministratorSettings)))
