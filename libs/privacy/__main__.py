"""Commands for operators: `python -m libs.privacy status|rotate|reseal|rewrap|seal|contract SERVICE`.

Read from the environment: REGION, DATABASE_URL (the service's application role), DATABASE_CA_FILE, MASTER_KEY,
MASTER_KEY_PREVIOUS.
Each may be killed and repeated, and runs while the service does; docs/runbooks/rotate.md tells when to use which.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr
from sqlalchemy import text

from libs.audit.log import SYSTEM, AuditLog
from libs.database.migrations import metadata_of
from libs.database.session import Database
from libs.privacy import rows
from libs.privacy.columns import attach
from libs.privacy.keys import PUBLISHED_SECONDS, DataKeys
from libs.privacy.rows import SealedColumn, sealed_columns
from libs.security.master_key import MasterKeyError, open_master_key
from libs.settings import DatabaseSettings, MasterKeySettings, read_settings
from libs.topology import SERVICES

EXIT_FAILED: Final = 1


class PrivacySettings(MasterKeySettings, DatabaseSettings):
    """What the commands read."""

    database_url: SecretStr


@dataclass(frozen=True)
class Operator:
    """One service's data keys and rows, and how the operator is told."""

    service: str
    database: Database
    keys: DataKeys
    columns: Sequence[SealedColumn]
    say: Callable[[str], object]
    published_seconds: float = PUBLISHED_SECONDS

    async def status(self) -> None:
        """Say which data key sealed how many values, and what is still plain."""
        await self.keys.refresh()
        self.say(f"sealing with data key {self.keys.newest}")
        if self.keys.plain_written:
            self.say("plain text is written as well: an older version may run (see `contract`)")
        async with self.database.transaction() as session:
            for column in self.columns:
                sealed, plain = await rows.counts(session, column)
                versions = ", ".join(f"{count} by key {key}" for key, count in sealed.items())
                self.say(f"{column.name}: {versions or 'none sealed'}; {plain} plain")

    async def rotate(self) -> None:
        """Make a data key, wait until every process knows it, and seal all values with it."""
        made = await self.keys.add()
        await self._record("data_key.rotated", made)
        self.say(f"data key {made} made; in {self.published_seconds:.0f} s everything uses it")
        while self.keys.newest < made:
            await asyncio.sleep(min(self.published_seconds, 1))
            await self.keys.refresh()
        await self.reseal()

    async def reseal(self) -> None:
        """Seal with the newest data key what older ones sealed: also what an interrupted rotation left."""
        await self.keys.refresh()
        for column in self.columns:
            await self._tell(column, "sealed anew", rows.reseal(self.database, self.keys, column))

    async def rewrap(self) -> None:
        """Wrap every data key under the newest master key."""
        count = await self.keys.rewrap()
        await self._record("data_keys.rewrapped", count)
        self.say(f"{count} data keys wrapped under the newest master key")

    async def seal(self) -> None:
        """Seal what versions before sealing wrote."""
        await self.keys.refresh()
        for column in self.columns:
            await self._tell(column, "sealed", rows.seal(self.database, self.keys, column))

    async def contract(self) -> None:
        """End the time of two versions: write no plain text any more, and clear what is there."""
        await self.seal()
        async with self.database.transaction() as session:
            await session.execute(text("DELETE FROM plain_text_transition"))
        self.say(f"waiting {self.published_seconds:.0f} s for every process to know")
        await asyncio.sleep(self.published_seconds)
        await self.seal()
        for column in self.columns:
            await self._tell(column, "cleared", rows.clear(self.database, column))
        await self._record("plain_text.cleared", len(self.columns))

    async def _tell(self, column: SealedColumn, what: str, batches: AsyncIterator[int]) -> None:
        done = 0
        async for count in batches:
            done += count
            if count:
                self.say(f"{column.name}: {done} {what}")

    async def _record(self, action: str, number: int) -> None:
        async with self.database.transaction() as session:
            await AuditLog(session).record(action, SYSTEM, f"service:{self.service}", number=number)


COMMANDS: Final[dict[str, Callable[[Operator], Awaitable[None]]]] = {
    "status": Operator.status,
    "rotate": Operator.rotate,
    "reseal": Operator.reseal,
    "rewrap": Operator.rewrap,
    "seal": Operator.seal,
    "contract": Operator.contract,
}


@asynccontextmanager
async def operating(settings: PrivacySettings, service: str) -> AsyncIterator[Operator]:
    """Open a service's database and master key for a command."""
    url = settings.database_url.get_secret_value()
    database = Database(
        url,
        application_name=f"privacy-{service}",
        pool_size=2,
        ca_file=settings.database_ca_file,
    )
    try:
        async with open_master_key(settings) as master_key:
            keys = DataKeys(database, master_key, service)
            attach(database, keys)
            columns = list(sealed_columns(metadata_of(service)))
            yield Operator(service, database, keys, columns, print_line)
    finally:
        await database.close()


def print_line(line: str) -> None:
    """Tell the operator at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Run a command and return the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m libs.privacy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, work in COMMANDS.items():
        commands.add_parser(name, help=work.__doc__).add_argument("service", choices=SERVICES)
    options = parser.parse_args(arguments)
    settings = read_settings(PrivacySettings)
    try:
        asyncio.run(_run(settings, options.service, COMMANDS[options.command]))
    except MasterKeyError as error:
        sys.stderr.write(f"MASTER_KEY: {error}\n")
        return EXIT_FAILED
    return 0


async def _run(
    settings: PrivacySettings, service: str, work: Callable[[Operator], Awaitable[None]]
) -> None:
    async with operating(settings, service) as operator:
        await work(operator)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
