"""`python -m services.product.cli`: fills the catalogue, tells what is there, checks that no piece is missing."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from libs.cache.redis import open_redis
from libs.cache.responses import ByteCache
from libs.database.session import DEFAULT_PATIENCE, Database, Patience
from libs.observability.logging import configure_logging
from libs.settings import read_settings
from services.product.domain.stock import Imbalance
from services.product.errors import ImportFileInvalid
from services.product.repository.counts import count_rows
from services.product.service.catalogue import forget
from services.product.service.conservation import check_everything, describe
from services.product.service.importing import CatalogueImporter, ImportResult
from services.product.service.retelling import OutboxStalledError, Retelling
from services.product.settings import ImportSettings, ProductSettings

EXIT_BROKEN: Final = 1
EXIT_INVALID: Final = 2
_PATIENT: Final = Patience(statement=3600)
_BAR_WIDTH: Final = 30


class ProgressBar:
    """Shows on stderr how far a long import is; a terminal sees one line that grows, a log sees one per tenth."""

    def __init__(self, total: int, noun: str = "products") -> None:
        self._noun = noun
        self._total = max(total, 1)
        self._started = time.monotonic()
        self._tenths = 0

    def show(self, done: int) -> None:
        share = min(done / self._total, 1.0)
        rate = done / max(time.monotonic() - self._started, 0.001)
        filled = "#" * int(share * _BAR_WIDTH)
        line = f"[{filled:<{_BAR_WIDTH}}] {share:4.0%}  {done:,} {self._noun}  {rate:,.0f}/s"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{line}")
        elif int(share * 10) > self._tenths:
            self._tenths = int(share * 10)
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def finish(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\n")


async def import_file(settings: ImportSettings, path: Path, *, announce: bool) -> ImportResult:
    """Import a catalogue file and drop the cached lists.

    Raises:
        ImportFileInvalid: a line of the file cannot be used.
    """
    async with AsyncExitStack() as stack:
        database = _open(settings, stack, patience=_PATIENT)
        file = stack.enter_context(path.open("rb"))
        bar = ProgressBar(sum(b'"product"' in line for line in file))
        file.seek(0)
        importer = CatalogueImporter(
            database, settings.region, announce=announce, progress=bar.show
        )
        try:
            result = await importer.run(file)
        finally:
            bar.finish()
        if settings.redis_url is not None:
            redis = open_redis(
                settings.redis_url.get_secret_value(), ca_file=settings.redis_ca_file
            )
            stack.push_async_callback(redis.aclose)
            await forget(ByteCache(redis, ProductSettings.service), [])
    return result


async def announce(settings: ImportSettings) -> int:
    """Tell every product and stock level once more; standard output gets a line for each SKU that was told.

    Raises:
        OutboxStalledError: the service's relay does not publish.
    """
    async with AsyncExitStack() as stack:
        database = _open(settings, stack)
        async with database.transaction() as session:
            rows = await count_rows(session)
        bar = ProgressBar(rows["products"] + rows["variants"], "messages")
        retelling = Retelling(
            database,
            settings.region,
            told=_print_told,
            progress=bar.show,
        )
        try:
            return await retelling.run()
        finally:
            bar.finish()


def _print_told(kind: str, sku: str) -> None:
    sys.stdout.write(f"{kind} {sku}\n")


async def count(settings: ImportSettings) -> dict[str, int]:
    """Count categories, products, variants and pieces available."""
    async with AsyncExitStack() as stack:
        database = _open(settings, stack)
        async with database.transaction() as session:
            return await count_rows(session)


async def check_stock(settings: ImportSettings) -> list[Imbalance]:
    """Compare all counters with reservations and ledger, however long it takes."""
    async with AsyncExitStack() as stack:
        return await check_everything(_open(settings, stack, patience=_PATIENT))


def _open(
    settings: ImportSettings, stack: AsyncExitStack, *, patience: Patience = DEFAULT_PATIENCE
) -> Database:
    database = Database(
        settings.database_url.get_secret_value(),
        application_name="product-cli",
        pool_size=1,
        patience=patience,
        ca_file=settings.database_ca_file,
    )
    stack.push_async_callback(database.close)
    return database


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status: 1 when pieces are missing, 2 when file or environment are wrong."""
    asked = _parser().parse_args(arguments)
    settings = read_settings(ImportSettings)
    if asked.command == "count":
        for name, number in asyncio.run(count(settings)).items():
            sys.stdout.write(f"{name} {number}\n")
        return 0
    if asked.command == "announce":
        return _announce(settings)
    if asked.command == "check-stock":
        return _report(asyncio.run(check_stock(settings)))
    try:
        result = asyncio.run(import_file(settings, asked.file, announce=asked.announce))
    except (ImportFileInvalid, OSError) as error:
        sys.stderr.write(f"{asked.file}: {error}\n")
        return EXIT_INVALID
    sys.stdout.write(
        f"categories {result.categories}\nproducts {result.products}\nchanged {result.changed}\n"
    )
    return 0


def _announce(settings: ImportSettings) -> int:
    try:
        messages = asyncio.run(announce(settings))
    except OutboxStalledError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BROKEN
    sys.stderr.write(f"{messages:,} messages\n")
    return 0


def _report(imbalances: Sequence[Imbalance]) -> int:
    for one in imbalances:
        told = " ".join(f"{name}={value}" for name, value in describe(one).items())
        sys.stdout.write(f"{told}\n")
    sys.stdout.write(f"imbalances {len(imbalances)}\n")
    return EXIT_BROKEN if imbalances else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.product.cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    importing = commands.add_parser("import", help="fill the catalogue from a file of JSON lines")
    importing.add_argument("--file", type=Path, required=True)
    importing.add_argument(
        "--announce", action="store_true", help="also publish an event per changed product and SKU"
    )
    commands.add_parser(
        "announce", help="publish the whole catalogue and all stock again, for projections"
    )
    commands.add_parser("count", help="tell how much there is")
    commands.add_parser(
        "check-stock", help="compare stock with reservations and ledger; 1 if wrong"
    )
    return parser


if __name__ == "__main__":
    configure_logging("product", "WARNING")
    sys.exit(main(sys.argv[1:]))
