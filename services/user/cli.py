"""Commands for operators: `python -m services.user.cli mails | erasures`.

`mails` lists the mails that were given up; `--revive` has them tried again. `erasures` lists those that are not finished;
`--push ID` or `--push all` has them tried now; `--again` erases the users whose ids stand on standard input, a line each, once
more: those that a restored backup has brought back. The worker does the work, not the command.
"""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Sequence
from typing import Final

from pydantic import SecretStr

from libs.database.session import Database, is_unavailable
from libs.ids import new_id
from libs.settings import DatabaseSettings, read_settings
from services.user.models import Mail
from services.user.repository.erasures import ErasureDetails, ErasureRepository
from services.user.repository.mails import MailRepository

EXIT_UNFINISHED: Final = 1
EXIT_FAILED: Final = 2
EVERYTHING: Final = "all"
_MOST: Final = 100
_TOKEN_HASH_BYTES: Final = 32


class OperatorSettings(DatabaseSettings):
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


async def _mails(database: Database, options: argparse.Namespace) -> tuple[list[str], int]:
    if options.revive:
        return [f"{await revive(database)} mails will be tried again"], 0
    mails = await list_given_up(database)
    return [_told(mail) for mail in mails] or ["no mail was given up"], 0


async def _erasures(database: Database, options: argparse.Namespace) -> tuple[list[str], int]:
    async with database.transaction() as session:
        erasures = ErasureRepository(session)
        lines = []
        if options.push is not None:
            pushed = await erasures.make_due(None if options.push == EVERYTHING else options.push)
            lines.append(f"{pushed} pushed")
        if options.again:
            ids = [line.strip() for line in sys.stdin if line.strip()]
            lines.append(f"{await _again(erasures, ids)} of {len(ids)} will be erased again")
        found = await erasures.unfinished()
        return [*lines, *map(_line, found)], EXIT_UNFINISHED if found else 0


async def _again(erasures: ErasureRepository, user_ids: Sequence[str]) -> int:
    """Ask for the erasure of people who asked before; nobody is given a receipt's token a second time."""
    made = [
        await erasures.insert_once(new_id("ers"), user_id, secrets.token_bytes(_TOKEN_HASH_BYTES))
        for user_id in user_ids
    ]
    return len(made) - made.count(None)


async def _run(settings: OperatorSettings, options: argparse.Namespace) -> tuple[list[str], int]:
    database = Database(
        settings.database_url.get_secret_value(),
        application_name="user-cli",
        ca_file=settings.database_ca_file,
    )
    try:
        command = _erasures if options.command == "erasures" else _mails
        return await command(database, options)
    finally:
        await database.close()


def main(arguments: Sequence[str], settings: OperatorSettings) -> int:
    """Run a command; 1 while an erasure is not finished, 2 when the database does not answer."""
    parser = argparse.ArgumentParser(prog="python -m services.user.cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    mails = commands.add_parser("mails", help="mails that were given up")
    mails.add_argument("--revive", action="store_true", help="try them again")
    erasures = commands.add_parser("erasures", help="erasures that are not finished")
    erasures.add_argument("--push", metavar="ID", help="try one, or `all`, now")
    erasures.add_argument("--again", action="store_true", help="erase those on standard input")
    given = parser.parse_args(arguments)
    try:
        lines, status = asyncio.run(_run(settings, given))
    except Exception as error:
        if not is_unavailable(error):
            raise
        sys.stderr.write(f"the database does not answer: {error}\n")
        return EXIT_FAILED
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return status


def _told(mail: Mail) -> str:
    return (
        f"{mail.created_at:%Y-%m-%dT%H:%M:%SZ} {mail.kind} for {mail.user_id} about {mail.about}:"
        f" {mail.last_error} after {mail.attempts} attempts"
    )


def _line(details: ErasureDetails) -> str:
    erasure = details.erasure
    silent = [answer.service for answer in details.answers if answer.answered_at is None]
    waits = erasure.reason or f"waits for {', '.join(silent)}"
    asked = erasure.requested_at.isoformat(timespec="seconds")
    return f"{erasure.id} {erasure.state} since {asked}, looked at {erasure.checks} times: {waits}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], read_settings(OperatorSettings)))
