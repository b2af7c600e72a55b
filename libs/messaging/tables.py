"""The outbox and inbox tables every schema has, and the migration steps that create them."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    text,
)

from libs.database.base import MigrationSteps, shared_metadata

_UNPUBLISHED: Final = text("published_at IS NULL")
_PARKED: Final = text("status = 'parked'")

outbox_messages = Table(
    "outbox_messages",
    shared_metadata,
    Column("id", Uuid, primary_key=True),
    # The order of insertion. A transaction may commit after one with a higher position,
    # so nothing may read "everything after the last position seen".
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("aggregate_id", Text, nullable=False),
    Column("aggregate_version", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("group_id", Text),
    Column("envelope", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("published_at", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_error", Text),
    Index("ix_outbox_messages_unpublished", "position", postgresql_where=_UNPUBLISHED),
    Index(
        "ix_outbox_messages_unpublished_aggregate",
        "aggregate_id",
        "position",
        postgresql_where=_UNPUBLISHED,
    ),
    Index("ix_outbox_messages_created_at", "created_at"),
    Index("ix_outbox_messages_aggregate_id", "aggregate_id"),
    postgresql_partition_by="RANGE (id)",
)

inbox_messages = Table(
    "inbox_messages",
    shared_metadata,
    Column("consumer", Text, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("waiting_for", Text),
    Column("retry_at", DateTime(timezone=True)),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("envelope", Text),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("processed_at", DateTime(timezone=True)),
    CheckConstraint("status IN ('done', 'parked', 'dead')", name="status"),
    Index("ix_inbox_messages_parked", "consumer", "retry_at", postgresql_where=_PARKED),
    Index("ix_inbox_messages_waiting_for", "consumer", "waiting_for", postgresql_where=_PARKED),
    postgresql_partition_by="RANGE (event_id)",
)

# A migration is history: it must not change when the tables above do, so it repeats them as they were.
_CREATE: Final = (
    """
    CREATE TABLE outbox_messages (
        id uuid CONSTRAINT pk_outbox_messages PRIMARY KEY,
        position bigint GENERATED ALWAYS AS IDENTITY,
        aggregate_id text NOT NULL,
        aggregate_version bigint NOT NULL,
        type text NOT NULL,
        destination text NOT NULL,
        group_id text,
        envelope text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        published_at timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        last_error text
    )
    """,
    """
    CREATE INDEX ix_outbox_messages_unpublished
        ON outbox_messages (position) WHERE published_at IS NULL
    """,
    """
    CREATE INDEX ix_outbox_messages_unpublished_aggregate
        ON outbox_messages (aggregate_id, position) WHERE published_at IS NULL
    """,
    "CREATE INDEX ix_outbox_messages_created_at ON outbox_messages (created_at)",
    "CREATE INDEX ix_outbox_messages_aggregate_id ON outbox_messages (aggregate_id)",
    """
    CREATE TABLE inbox_messages (
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        type text NOT NULL,
        subject text NOT NULL,
        status text NOT NULL,
        waiting_for text,
        retry_at timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        envelope text,
        received_at timestamptz NOT NULL DEFAULT now(),
        processed_at timestamptz,
        CONSTRAINT pk_inbox_messages PRIMARY KEY (consumer, event_id),
        CONSTRAINT ck_inbox_messages_status CHECK (status IN ('done', 'parked', 'dead'))
    )
    """,
    """
    CREATE INDEX ix_inbox_messages_parked
        ON inbox_messages (consumer, retry_at) WHERE status = 'parked'
    """,
    """
    CREATE INDEX ix_inbox_messages_waiting_for
        ON inbox_messages (consumer, waiting_for) WHERE status = 'parked'
    """,
)


def create_messaging_tables(op: MigrationSteps) -> None:
    """Create outbox and inbox in the schema being migrated; called by each service's first migration."""
    for statement in _CREATE:
        op.execute(statement)


def drop_messaging_tables(op: MigrationSteps) -> None:
    """Undo `create_messaging_tables`."""
    op.execute("DROP TABLE inbox_messages")
    op.execute("DROP TABLE outbox_messages")
