"""The audit log's tables, in every schema, and the migration steps that create and protect them."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
)

from libs.database.base import MigrationSteps, shared_metadata

audit_entries = Table(
    "audit_entries",
    shared_metadata,
    Column("id", Uuid, primary_key=True),
    # The order of insertion; a transaction may commit after one with a higher position.
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("action", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("origin", Text),
    Column("correlation_id", Text),
    # JSON as text: what is hashed is what is stored, to the byte.
    Column("details", Text, nullable=False),
    CheckConstraint("outcome IN ('done', 'refused', 'failed')", name="outcome"),
)

audit_seals = Table(
    "audit_seals",
    shared_metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", Uuid, ForeignKey("audit_entries.id"), nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

audit_unsealed = Table(
    "audit_unsealed",
    shared_metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", Uuid, nullable=False),
)

audit_checkpoints = Table(
    "audit_checkpoints",
    shared_metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("removed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""Where a log begins whose oldest entries were removed: the last seal that went."""

# A migration is history: it must not change when the tables above do, so it repeats them as they were.
_CREATE: Final = (
    """
    CREATE TABLE audit_entries (
        id uuid CONSTRAINT pk_audit_entries PRIMARY KEY,
        position bigint GENERATED ALWAYS AS IDENTITY,
        recorded_at timestamptz NOT NULL DEFAULT now(),
        action text NOT NULL,
        actor text NOT NULL,
        subject text NOT NULL,
        outcome text NOT NULL,
        origin text,
        correlation_id text,
        details text NOT NULL,
        CONSTRAINT ck_audit_entries_outcome CHECK (outcome IN ('done', 'refused', 'failed'))
    )
    """,
    """
    CREATE TABLE audit_seals (
        number bigint CONSTRAINT pk_audit_seals PRIMARY KEY,
        entry_id uuid NOT NULL CONSTRAINT uq_audit_seals_entry_id UNIQUE
            CONSTRAINT fk_audit_seals_entry_id_audit_entries REFERENCES audit_entries (id),
        digest bytea NOT NULL,
        sealed_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE audit_unsealed (
        position bigint CONSTRAINT pk_audit_unsealed PRIMARY KEY,
        entry_id uuid NOT NULL
    )
    """,
    """
    CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit log is append-only: % of % refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = '42501', HINT = 'Record what corrects it as a new entry.';
    END $$
    """,
)
_PROTECT: Final = """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()
"""
_REVOKE: Final = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_schema() || '_app') THEN
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries, audit_seals FROM %I',
                current_schema() || '_app');
            EXECUTE format('REVOKE UPDATE, TRUNCATE ON audit_unsealed FROM %I',
                current_schema() || '_app');
        END IF;
    END $$
"""


def create_audit_tables(op: MigrationSteps) -> None:
    """Create the log in the schema being migrated; nobody, its owner included, can change an entry afterwards."""
    for statement in _CREATE:
        op.execute(statement)
    for table in ("audit_entries", "audit_seals"):
        op.execute(_PROTECT.format(table=table))
    op.execute(_REVOKE)


def drop_audit_tables(op: MigrationSteps) -> None:
    """Undo `create_audit_tables`."""
    for table in ("audit_unsealed", "audit_seals", "audit_entries"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION refuse_audit_change()")
