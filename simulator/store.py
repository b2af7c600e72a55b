"""The simulator's database: one SQLite file in WAL mode, one writer, one transaction per call."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_CHARGES: Final = """
CREATE TABLE IF NOT EXISTS charges (
    id TEXT PRIMARY KEY,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    payment_method TEXT NOT NULL,
    status TEXT NOT NULL CHECK (
        status IN ('requires_action', 'authorized', 'declined', 'captured', 'voided')),
    decline_code TEXT,
    captured_minor INTEGER NOT NULL DEFAULT 0 CHECK (captured_minor BETWEEN 0 AND amount_minor),
    refunded_minor INTEGER NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    metadata TEXT NOT NULL,
    idempotency_key TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    day TEXT NOT NULL,
    challenge TEXT UNIQUE,
    redirect_url TEXT,
    return_url TEXT,
    settled_day TEXT
) STRICT;
"""

_SCHEMA: Final = """
CREATE INDEX IF NOT EXISTS charges_day ON charges (day, id);
CREATE INDEX IF NOT EXISTS charges_settled_day ON charges (settled_day, id);
CREATE TABLE IF NOT EXISTS refunds (
    id TEXT PRIMARY KEY,
    charge_id TEXT NOT NULL REFERENCES charges (id),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    metadata TEXT NOT NULL,
    idempotency_key TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    day TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_charge ON refunds (charge_id);
CREATE INDEX IF NOT EXISTS refunds_day ON refunds (day, id);
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER,
    body TEXT,
    charge_id TEXT,
    refund_id TEXT,
    created_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (id),
    due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    delivered_at REAL,
    given_up_at REAL,
    last_error TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
"""


class Store:
    """Owns the connection. Not thread-safe: `simulator.offload` calls it from one thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            folder / "book.sqlite3", isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._create_tables()
        # A key claimed by a process that died had no effect yet: the effect and its answer commit together.
        self._connection.execute("DELETE FROM idempotency_keys WHERE status IS NULL")

    def _create_tables(self) -> None:
        self._connection.executescript(_CHARGES)
        known = {row["name"] for row in self.all("PRAGMA table_info(charges)")}
        if "settled_day" not in known:
            self._rebuild_charges(", ".join(sorted(known)))
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(_SCHEMA)

    def _rebuild_charges(self, columns: str) -> None:
        """Carry over the book of an earlier release: SQLite cannot change a CHECK in place."""
        copy = f"INSERT INTO charges ({columns}) SELECT {columns} FROM charges_before"  # noqa: S608 - names of columns
        self._connection.executescript(
            # Otherwise the refunds would follow the old table's new name.
            "PRAGMA legacy_alter_table = ON; BEGIN; ALTER TABLE charges RENAME TO charges_before;"
            f"DROP INDEX IF EXISTS charges_day; {_CHARGES} {copy}; DROP TABLE charges_before;"
            "COMMIT; PRAGMA legacy_alter_table = OFF;"
        )

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run one write transaction; any exception rolls it back."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def all(self, sql: str, *values: object) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def first(self, sql: str, *values: object) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row
