"""The tables every schema keeps its data keys in, and the migration steps that make them and seal columns.

A migration is history: what these steps execute must not change once a service's migration has used them.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import CheckConstraint, Column, DateTime, Integer, LargeBinary, Table, Text, func

from libs.database.base import MigrationSteps, shared_metadata
from libs.database.bootstrap import roles_of

SEALING: Final = "meridian.sealing"
"""Set to `on` in a transaction that moves plain text into its sealed column, or clears it there."""

data_keys = Table(
    "data_keys",
    shared_metadata,
    Column("id", Integer, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    # New cells are sealed with the youngest key that every process has had the time to read.
    Column("usable_from", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("purpose IN ('cells', 'index')", name="purpose"),
)

plain_text_transition = Table(
    "plain_text_transition",
    shared_metadata,
    # A row: processes that know no sealed column may still run, so plain text is written as well.
    Column("since", DateTime(timezone=True), primary_key=True, server_default=func.now()),
)

_CREATE: Final = (
    """
    CREATE TABLE data_keys (
        id serial NOT NULL,
        purpose text NOT NULL,
        wrapped bytea NOT NULL,
        usable_from timestamptz NOT NULL DEFAULT now(),
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_data_keys PRIMARY KEY (id),
        CONSTRAINT ck_data_keys_purpose CHECK (purpose IN ('cells', 'index'))
    )
    """,
    """
    CREATE TABLE plain_text_transition (
        since timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_plain_text_transition PRIMARY KEY (since)
    )
    """,
    "ALTER TABLE idempotency_keys ADD COLUMN body_sealed bytea",
)


def create_data_keys(op: MigrationSteps, service: str, tables: Sequence[str] = ()) -> None:
    """Create the tables, and the sealed column of stored answers.

    Where one of `tables` (or the stored answers) has rows, an older version may be running: plain text is then written
    beside the sealed columns until `python -m libs.privacy contract` ends it.
    """
    for statement in _CREATE:
        op.execute(statement)
    op.execute(f"REVOKE DELETE ON data_keys FROM {roles_of(service)[2]}")
    used = " OR ".join(f"EXISTS (SELECT FROM {table})" for table in ("idempotency_keys", *tables))
    op.execute(f"INSERT INTO plain_text_transition SELECT now() WHERE {used}")


def drop_data_keys(op: MigrationSteps) -> None:
    """Undo `create_data_keys`."""
    op.execute("ALTER TABLE idempotency_keys DROP COLUMN body_sealed")
    op.execute("DROP TABLE plain_text_transition")
    op.execute("DROP TABLE data_keys")


def seal_columns(
    op: MigrationSteps, table: str, columns: Sequence[str], indexes: Mapping[str, str] | None = None
) -> None:
    """Give columns a sealed one each, `<column>_sealed`, and those in `indexes` a blind index under that name.

    A version that knows only the plain column goes on writing it: a trigger forgets the sealed value it made untrue.
    """
    known = indexes or {}
    for column in columns:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column}_sealed bytea")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")
    for index in known.values():
        op.execute(f"ALTER TABLE {table} ADD COLUMN {index} bytea")
        op.execute(f"CREATE UNIQUE INDEX uq_{table}_{index} ON {table} ({index})")
    forget = "\n".join(_forgetting(column, known.get(column)) for column in columns)
    op.execute(f"""
        CREATE FUNCTION forget_sealed_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_setting('{SEALING}', true) = 'on' THEN RETURN NEW; END IF;
            {forget}
            RETURN NEW;
        END $$
    """)
    op.execute(
        f"CREATE TRIGGER forget_sealed BEFORE UPDATE OF {', '.join(columns)} ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION forget_sealed_{table}()"
    )


def unseal_columns(
    op: MigrationSteps, table: str, columns: Sequence[str], indexes: Mapping[str, str] | None = None
) -> None:
    """Undo `seal_columns`; what is only in sealed columns is lost, so this is for empty tables."""
    op.execute(f"DROP TRIGGER forget_sealed ON {table}")
    op.execute(f"DROP FUNCTION forget_sealed_{table}")
    for name in (*(indexes or {}).values(), *(f"{column}_sealed" for column in columns)):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")


def _forgetting(column: str, index: str | None) -> str:
    forget_index = f"NEW.{index} := NULL;" if index else ""
    return f"""
            IF NEW.{column} IS DISTINCT FROM OLD.{column}
                AND NEW.{column}_sealed IS NOT DISTINCT FROM OLD.{column}_sealed
            THEN NEW.{column}_sealed := NULL; {forget_index} END IF;"""
