"""The tombstones every schema has, and the migration steps that create them."""

from typing import Final

from sqlalchemy import Column, DateTime, Index, Table, Text, func, text

from libs.database.base import MigrationSteps, shared_metadata

_OPEN: Final = "completed_at IS NULL"

erased_users = Table(
    "erased_users",
    shared_metadata,
    Column("user_id", Text, primary_key=True),
    Column("erasure_id", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    Index("ix_erased_users_open", "requested_at", postgresql_where=text(_OPEN)),
)
"""Who is forgotten, by an id that leads nowhere any more: what keeps an old message from bringing them back."""

# A migration is history: it must not change when the table above does, so it repeats it as it was.
_CREATE: Final = (
    """
    CREATE TABLE erased_users (
        user_id text NOT NULL,
        erasure_id text NOT NULL,
        requested_at timestamptz NOT NULL DEFAULT now(),
        completed_at timestamptz,
        CONSTRAINT pk_erased_users PRIMARY KEY (user_id)
    )
    """,
    f"CREATE INDEX ix_erased_users_open ON erased_users (requested_at) WHERE {_OPEN}",
)


def create_tombstones(op: MigrationSteps) -> None:
    """Create the table in the schema being migrated; each service's migration calls it once."""
    for statement in _CREATE:
        op.execute(statement)


def drop_tombstones(op: MigrationSteps) -> None:
    """Undo `create_tombstones`."""
    op.execute("DROP TABLE erased_users")
