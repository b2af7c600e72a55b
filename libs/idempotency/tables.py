"""The table of claimed keys every schema has, and the migration steps that create it."""

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from libs.database.base import MigrationSteps, shared_metadata

idempotency_keys = Table(
    "idempotency_keys",
    shared_metadata,
    Column("principal", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("method_path", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("resource_id", Text),
    # Goes up each time somebody takes over; only the latest holder may complete.
    Column("fence", Integer, nullable=False, server_default=text("1")),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("status", Integer),
    Column("headers", JSONB),
    # What a version that seals nothing stored, and may still read; `body_sealed` is what it becomes.
    Column("body", LargeBinary),
    Column("body_sealed", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("state IN ('in_flight', 'completed')", name="state"),
    CheckConstraint("state = 'in_flight' OR status IS NOT NULL", name="completed_has_status"),
    Index("ix_idempotency_keys_created_at", "created_at"),
)

# A migration is history: it must not change when the table above does, so it repeats it as it was.
_CREATE: Final = (
    """
    CREATE TABLE idempotency_keys (
        principal text NOT NULL,
        key text NOT NULL,
        method_path text NOT NULL,
        fingerprint bytea NOT NULL,
        state text NOT NULL,
        resource_id text,
        fence integer NOT NULL DEFAULT 1,
        lease_until timestamptz NOT NULL,
        status integer,
        headers jsonb,
        body bytea,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_idempotency_keys PRIMARY KEY (principal, key),
        CONSTRAINT ck_idempotency_keys_state CHECK (state IN ('in_flight', 'completed')),
        CONSTRAINT ck_idempotency_keys_completed_has_status
            CHECK (state = 'in_flight' OR status IS NOT NULL)
    )
    """,
    "CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at)",
)


def create_idempotency_table(op: MigrationSteps) -> None:
    """Create the table in the schema being migrated; called by each service's first migration."""
    for statement in _CREATE:
        op.execute(statement)


def drop_idempotency_table(op: MigrationSteps) -> None:
    """Undo `create_idempotency_table`."""
    op.execute("DROP TABLE idempotency_keys")
