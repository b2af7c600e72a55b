"""`python -m services.cart.cli`: makes cart's projection of the catalogue anew from product's events, while it is used.

`rebuild-begin` prints the moment it began; then product tells everything (`python -m services.product.cli announce`);
`rebuild-finish --since MOMENT < what product printed` waits until all of it has arrived. Nothing disappears meanwhile.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from libs.database.session import Database, Patience
from libs.settings import read_settings
from services.cart.service.rebuild import Rebuild, RebuildStalledError
from services.cart.settings import RebuildSettings

EXIT_BROKEN: Final = 1
EXIT_INVALID: Final = 2


def _show(done: int, total: int) -> None:
    end = "\n" if done == total else "\r"
    sys.stderr.write(f"{done:,} of {total:,} rows told anew{end}")
    sys.stderr.flush()


@asynccontextmanager
async def _rebuild(settings: RebuildSettings) -> AsyncIterator[Rebuild]:
    database = Database(
        settings.database_url.get_secret_value(),
        application_name="cart-cli",
        pool_size=1,
        patience=Patience(statement=300),
        ca_file=settings.database_ca_file,
    )
    try:
        yield Rebuild(database, progress=_show)
    finally:
        await database.close()


async def _run(settings: RebuildSettings, asked: argparse.Namespace) -> str:
    async with _rebuild(settings) as rebuild:
        if asked.command == "checksum":
            return (await rebuild.checksum()).line()
        if asked.command == "rebuild-begin":
            return (await rebuild.begin()).isoformat()
        removed = await rebuild.finish(asked.since, sys.stdin)
        return f"{removed} rows of nothing that exists removed"


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status: 1 when events did not arrive, 2 when standard input or environment are wrong."""
    parser = argparse.ArgumentParser(prog="python -m services.cart.cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("checksum", help="sum up what customers can see of the catalogue")
    commands.add_parser("rebuild-begin", help="let any event replace what is known")
    finish = commands.add_parser("rebuild-finish", help="wait for the lines on standard input")
    finish.add_argument("--since", type=datetime.fromisoformat, required=True)
    asked = parser.parse_args(arguments)
    settings = read_settings(RebuildSettings)
    try:
        sys.stdout.write(f"{asyncio.run(_run(settings, asked))}\n")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_INVALID
    except RebuildStalledError as error:
        sys.stderr.write(f"\n{error}\n")
        return EXIT_BROKEN
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
