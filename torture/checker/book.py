"""Reads the provider simulator's book: a SQLite file that no part of the shop can write to."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from torture.checker.records import Charge, ProviderRefund


def read_book(file: Path) -> tuple[list[Charge], list[ProviderRefund]]:
    """Return every charge and every refund of the provider."""
    with closing(_opened(file)) as book:
        charges = [
            Charge(row[0], json.loads(row[1]).get("order_id", ""), *row[2:])
            for row in book.execute(
                "SELECT id, metadata, status, currency, amount_minor, captured_minor, refunded_minor"
                " FROM charges"
            )
        ]
        refunds = [
            ProviderRefund(row[0], row[1], json.loads(row[2]).get("refund_id", ""), row[3])
            for row in book.execute("SELECT id, charge_id, metadata, amount_minor FROM refunds")
        ]
    return charges, refunds


def undelivered(file: Path) -> int:
    """Count the webhooks the provider has yet to deliver."""
    with closing(_opened(file)) as book:
        row = book.execute(
            "SELECT count(*) FROM deliveries WHERE delivered_at IS NULL AND given_up_at IS NULL"
        ).fetchone()
    return int(row[0])


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
