"""Collects an order's traces, sorts them by time and prints them."""

import argparse
import asyncio
from collections.abc import Sequence

import asyncpg
from rich.console import Console
from rich.text import Text

from libs.ids import is_id
from libs.topology import DATABASE_NAME
from local.paths import Paths
from local.refusal import Refusal
from local.running import find_shop
from local.settings import StackSettings, load_settings
from local.trace.sources import (
    Moment,
    deliveries,
    exists,
    ledger_entries,
    messages,
    requests,
    state_changes,
)

STYLES = {"request": "bold", "state": "green", "message": "", "ledger": "yellow"}


def main(arguments: Sequence[str]) -> int:
    """Print one order's story; the argument is its id."""
    parser = argparse.ArgumentParser(prog="trace", description=main.__doc__)
    parser.add_argument("order", nargs="?", default="")
    order_id = parser.parse_args(arguments).order
    if not is_id(order_id, "ord"):
        raise Refusal("Name an order: make trace o=ord_... (make demo prints one).")
    asyncio.run(_trace(load_settings(), order_id))
    return 0


async def _trace(settings: StackSettings, order_id: str) -> None:
    paths = Paths(settings.meridian_home)
    dsn = find_shop(settings).database
    try:
        connection = await asyncpg.connect(dsn, database=DATABASE_NAME)
    except (OSError, asyncpg.PostgresError):
        raise Refusal("PostgreSQL does not answer: start Meridian with `make up`.") from None
    try:
        if not await exists(connection, order_id):
            raise Refusal(f"There is no order {order_id} in this database.")
        moments = await _collect(connection, paths, order_id)
    finally:
        await connection.close()
    _show(order_id, sorted(moments))


async def _collect(connection: asyncpg.Connection, paths: Paths, order_id: str) -> list[Moment]:
    written = await messages(connection, order_id)
    correlation_ids = {message.correlation_id for message in written}
    return [
        *requests(paths.logs, order_id, correlation_ids),
        *await state_changes(connection, order_id),
        *await deliveries(connection, written),
        *await ledger_entries(connection, order_id),
    ]


def _show(order_id: str, moments: Sequence[Moment]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold]{order_id}[/bold], from {moments[0].at.isoformat(timespec='milliseconds')}"
    )
    for moment in moments:
        after = (moment.at - moments[0].at).total_seconds()
        line = f"{after:+9.3f}s  {moment.service:<8} {moment.kind:<8} {moment.text}"
        console.print(Text(line, style=STYLES[moment.kind]))
