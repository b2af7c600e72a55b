"""Commands for operators: `python -m services.user.cli mails`, with `--revive` to try again what was given up."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from pydantic import SecretStr

from libs.database.session import Database, is_unavailable
from libs.settings import Settings, read_settings
from services.user.models import Mail
from services.user.repository.mails import MailRepository

EXIT_FAILED: Final = 2
_MOST: Final = 100


class OperatorSettings(Settings):
    """What the commands read from the environment."""

    database_url: SecretStr


async def list_given_up(database: Database) -> Sequence[Mail]:
    """Return the oldest mails that nobody will try again unless told to."""
    async with database.transaction() as session:
        return await MailRepository(session).given_up(_MOST)


async def revive(database: Database) -> int:
    """Have what was given up tried again by the worker; return how many mails that are."""
    async with database.transaction() as session:
        return await MailRepository(session).revive()


async def _run(settings: OperatorSettings, *, again: bool) -> list[str]:
    database = Database(settings.database_url.get_secret_value(), application_name="user-cli")
    try:
        if again:
            return [f"{await revive(database)} mails will be tried again"]
        mails = await list_given_up(database)
        return [_told(mail) for mail in mails] or ["no mail was given up"]
    finally:
        await database.close()


def main(arguments: Sequence[str], settings: OperatorSettings) -> int:
    """List the mails that were given up, or have them tried again."""
    parser = argparse.ArgumentParser(prog="python -m services.user.cli")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("mails", help="mails that were given up")
    command.add_argument("--revive", action="store_true", help="try them again")
    given = parser.parse_args(arguments)
    try:
        lines = asyncio.run(_run(settings, again=given.revive))
    except Exception as error:
        if not is_unavailable(error):
            raise
        sys.stderr.write(f"the database does not answer: {error}\n")
        return EXIT_FAILED
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _told(mail: Mail) -> str:
    return (
        f"{mail.created_at:%Y-%m-%dT%H:%M:%SZ} {mail.kind} for {mail.user_id} about {mail.about}:"
        f" {mail.last_error} after {mail.attempts} attempts"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], read_settings(OperatorSettings)))
