"""`python -m services.cart.cli`: makes cart's projection of the catalogue anew from product's events, while it is used.

`rebuild-begin` prints the moment it began; then product tells everything (`python -m services.product.cli announce`);
`rebuild-finish --since MOMENT < what product printed` waits until all of it has arrived. Nothing disappears meanwhile.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import Database, Patience
from services.cart.models import KnownStock, KnownVariant
from services.cart.repository import Checksum, Known, ProjectionRepository

EXIT_BROKEN: Final = 1
EXIT_INVALID: Final = 2
_BATCH: Final = 1_000
_KINDS: Final[dict[str, Known]] = {"variant": KnownVariant, "stock": KnownStock}


class RebuildStalledError(Exception):
    """Events that product has published did not arrive."""


class RebuildSettings(BaseSettings):
    """The one value a rebuild needs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr


@dataclass
class Rebuild:
    """Makes the projection anew in place.

    First every row is doubted: it is shown as before, but any event replaces it, whatever its version says. Product
    tells everything under the versions it has, so changes that happen meanwhile win as always. Rows that product has
    not told of at the end are of nothing that exists.
    """

    database: Database
    progress: Callable[[int, int], None] = lambda _, __: None
    patience_seconds: float = 120.0
    look_seconds: float = 0.5
    _left: dict[str, set[str]] = field(default_factory=dict)

    async def begin(self) -> datetime:
        """Doubt every row, a thousand at a time, and return the moment this began."""
        async with self.database.transaction() as session:
            since = await ProjectionRepository(session).now()
        for known in _KINDS.values():
            after: str | None = ""
            while after is not None:
                # An event that locks the same rows in another order may cost a conflict, but nothing else.
                after = await self.database.run(partial(_doubt, known=known, after=after))
        return since

    async def finish(self, since: datetime, told: Iterable[str]) -> int:
        """Wait for all that product told, remove what it did not tell of, and return how many rows that were.

        Raises:
            ValueError: a line is not of the form "variant SKU" or "stock SKU".
            RebuildStalledError: nothing arrived for `patience_seconds`. Nothing was removed; it can be run again.
        """
        self._left = _sorted_out(told)
        await self._wait_for_all()
        removed = 0
        for known in _KINDS.values():
            async with self.database.transaction() as session:
                removed += await ProjectionRepository(session).forget_doubted(known, since)
        return removed

    async def checksum(self) -> Checksum:
        async with self.database.transaction() as session:
            return await ProjectionRepository(session).checksum()

    async def _wait_for_all(self) -> None:
        total = fewest = self._count()
        moved_at = time.monotonic()
        while True:
            await self._look()
            left = self._count()
            self.progress(total - left, total)
            if not left:
                return
            if left < fewest:
                fewest, moved_at = left, time.monotonic()
            if time.monotonic() - moved_at > self.patience_seconds:
                raise RebuildStalledError(
                    f"{left} of {total} events have not arrived: see that cart's worker runs, look at the dead "
                    "letters of cart-inbox, then begin again"
                )
            await asyncio.sleep(self.look_seconds)

    def _count(self) -> int:
        return sum(len(skus) for skus in self._left.values())

    async def _look(self) -> None:
        for kind, skus in self._left.items():
            async with self.database.transaction() as session:
                self._left[kind] = await ProjectionRepository(session).not_told(_KINDS[kind], skus)


async def _doubt(session: AsyncSession, known: Known, after: str) -> str | None:
    return await ProjectionRepository(session).doubt(known, after, _BATCH)


def _sorted_out(told: Iterable[str]) -> dict[str, set[str]]:
    left: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for line in told:
        kind, _, sku = line.rstrip("\n").partition(" ")
        if kind not in left or not sku:
            raise ValueError(f"not what `announce` prints: {line[:80]!r}")
        left[kind].add(sku)
    return left


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
    """Run a command and return its exit status: 1 when events did not arrive, 2 when something is missing."""
    parser = argparse.ArgumentParser(prog="python -m services.cart.cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("checksum", help="sum up what customers can see of the catalogue")
    commands.add_parser("rebuild-begin", help="let any event replace what is known")
    finish = commands.add_parser("rebuild-finish", help="wait for the lines on standard input")
    finish.add_argument("--since", type=datetime.fromisoformat, required=True)
    asked = parser.parse_args(arguments)
    try:
        sys.stdout.write(f"{asyncio.run(_run(RebuildSettings(), asked))}\n")
    except ValidationError:
        sys.stderr.write("set DATABASE_URL\n")
        return EXIT_INVALID
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_INVALID
    except RebuildStalledError as error:
        sys.stderr.write(f"\n{error}\n")
        return EXIT_BROKEN
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
