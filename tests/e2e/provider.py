"""The payment provider's own book: what was charged, whatever the shop believes."""

import sqlite3

from tests.e2e.stack import Stack


def captured_by_the_provider(stack: Stack, order_id: str) -> list[int]:
    """Return the captured amount of every charge the provider made for an order, in minor units."""
    book = stack.home / "meridian" / "data" / "simulator" / "book.sqlite3"
    with sqlite3.connect(f"file:{book}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            "SELECT captured_minor FROM charges"
            " WHERE metadata ->> 'order_id' = ? AND captured_minor > 0",
            (order_id,),
        ).fetchall()
    return [int(row[0]) for row in rows]
