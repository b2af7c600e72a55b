"""The migration steps that part outbox and inbox by week; old weeks are dropped whole, never row by row.

Message ids are UUIDv7 (RFC 9562), so ranges of ids are ranges of time, and the primary keys, which hold the id, stay
unique over all partitions. A migration is history: nothing here may change once it has been delivered.
"""

from typing import Final

from libs.database.base import MigrationSteps
from libs.messaging.partition_functions import (
    ID_AT,
    create_partition_functions,
    drop_partition_functions,
)

_KEYS: Final = {"outbox_messages": "id", "inbox_messages": "event_id"}

# Not validated: it takes a lock for an instant. The Monday after next leaves at least a week to run the step after it.
_BOUND: Final = """
    DO $$ BEGIN
        EXECUTE format(
            'ALTER TABLE {table} ADD CONSTRAINT ck_{table}_bound CHECK ({key} < %L) NOT VALID',
            {bound});
    END $$
"""

# Reading every row happens before the first lock that anybody would wait for. Ids that are no UUIDv7 lie beyond any
# bound and move to the default partition.
_VALIDATE: Final = """
    DO $$
    DECLARE
        bound uuid;
    BEGIN
        SELECT substring(pg_get_constraintdef(oid) FROM '[0-9a-f-]{{36}}')::uuid INTO STRICT bound
            FROM pg_constraint
            WHERE conrelid = '{table}'::regclass AND conname = 'ck_{table}_bound';
        CREATE TABLE {table}_strays (LIKE {table});
        WITH stray AS (DELETE FROM {table} WHERE {key} >= bound RETURNING *)
            INSERT INTO {table}_strays SELECT * FROM stray;
        ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_bound;
    END $$
"""

# The old table becomes the first partition: its rows, indexes and primary key stay where they are.
_RENAME: Final = """
    DO $$
    DECLARE
        part text;
        name text;
    BEGIN
        SELECT '{table}_until_' || to_char(
            uuid_extract_timestamp(
                substring(pg_get_constraintdef(oid) FROM '[0-9a-f-]{{36}}')::uuid
            ) AT TIME ZONE 'UTC', 'YYYYMMDD') INTO STRICT part
            FROM pg_constraint
            WHERE conrelid = '{table}'::regclass AND conname = 'ck_{table}_bound';
        FOR name IN SELECT indexrelid::regclass::text FROM pg_index
            WHERE indrelid = '{table}'::regclass
        LOOP
            EXECUTE format('ALTER INDEX %I RENAME TO %I', name, replace(name, '{table}', part));
        END LOOP;
        EXECUTE format('ALTER TABLE {table} RENAME TO %I', part);
    END $$
"""

_CREATE: Final = {
    "outbox_messages": (
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
        ) PARTITION BY RANGE (id)
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
    ),
    "inbox_messages": (
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
        ) PARTITION BY RANGE (event_id)
        """,
        """
        CREATE INDEX ix_inbox_messages_parked
            ON inbox_messages (consumer, retry_at) WHERE status = 'parked'
        """,
        """
        CREATE INDEX ix_inbox_messages_waiting_for
            ON inbox_messages (consumer, waiting_for) WHERE status = 'parked'
        """,
    ),
}

# Positions go on where they were; a partition takes them from its parent, so the old table gives its own up first.
_TAKE_POSITIONS: Final = """
    DO $$
    DECLARE
        part text;
        last bigint;
    BEGIN
        SELECT conrelid::regclass INTO STRICT part FROM pg_constraint
            WHERE connamespace = current_schema()::regnamespace
              AND conname = 'ck_outbox_messages_bound';
        EXECUTE format('SELECT last_value FROM %s', pg_get_serial_sequence(part, 'position'))
            INTO last;
        EXECUTE format('ALTER TABLE %s ALTER COLUMN position DROP IDENTITY', part);
        PERFORM setval(pg_get_serial_sequence('outbox_messages', 'position'), last);
    END $$
"""

_ATTACH: Final = """
    DO $$
    DECLARE
        part regclass;
        bound text;
    BEGIN
        SELECT conrelid::regclass, substring(pg_get_constraintdef(oid) FROM '[0-9a-f-]{{36}}')
            INTO STRICT part, bound
            FROM pg_constraint
            WHERE connamespace = current_schema()::regnamespace AND conname = 'ck_{table}_bound';
        EXECUTE format('ALTER TABLE {table} ATTACH PARTITION %s FOR VALUES FROM (MINVALUE) TO (%L)',
            part, bound);
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT ck_{table}_bound', part);
        CREATE TABLE {table}_default PARTITION OF {table} DEFAULT;
        INSERT INTO {table} {overriding} SELECT * FROM {table}_strays;
        DROP TABLE {table}_strays;
    END $$
"""

_CREATE_AHEAD: Final = """
    DO $$ BEGIN
        WHILE create_message_partition('{table}') IS NOT NULL LOOP END LOOP;
    END $$
"""

# Going back copies: it is for a release that has to be taken back, not for a busy day.
_MERGE: Final = """
    DO $$
    DECLARE
        last bigint;
    BEGIN
        LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE {table}_merged (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        INSERT INTO {table}_merged SELECT * FROM {table};
        IF '{table}' = 'outbox_messages' THEN
            EXECUTE format('SELECT last_value FROM %s',
                pg_get_serial_sequence('{table}', 'position')) INTO last;
        END IF;
        DROP TABLE {table};
        ALTER TABLE {table}_merged RENAME TO {table};
        ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({columns});
        IF last IS NOT NULL THEN
            ALTER TABLE {table} ALTER COLUMN position ADD GENERATED ALWAYS AS IDENTITY;
            PERFORM setval(pg_get_serial_sequence('{table}', 'position'), last);
        END IF;
    END $$
"""
_PRIMARY_KEYS: Final = {"outbox_messages": "id", "inbox_messages": "consumer, event_id"}


def bound_message_tables(op: MigrationSteps) -> None:
    """Expand, first half: refuse ids that the partition these tables will become could not hold.

    The second half, `part_message_tables`, must run in a later transaction and within a week.
    """
    bound = ID_AT.format(moment="(date_trunc('week', now(), 'UTC') + interval '336 hours')")
    for table, key in _KEYS.items():
        op.execute(_BOUND.format(table=table, key=key, bound=bound))


def unbound_message_tables(op: MigrationSteps) -> None:
    """Undo `bound_message_tables`."""
    for table in _KEYS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_bound")


def part_message_tables(op: MigrationSteps) -> None:
    """Make each table the first partition of a new one, without copying or reading its rows under a lock."""
    for table, key in _KEYS.items():
        op.execute(_VALIDATE.format(table=table, key=key))
    for table in _KEYS:
        op.execute(_RENAME.format(table=table))
        for statement in _CREATE[table]:
            op.execute(statement)
    op.execute(_TAKE_POSITIONS)
    for table in _KEYS:
        overriding = "OVERRIDING SYSTEM VALUE" if table == "outbox_messages" else ""
        op.execute(_ATTACH.format(table=table, overriding=overriding))
    create_partition_functions(op)
    for table in _KEYS:
        op.execute(_CREATE_AHEAD.format(table=table))


def merge_message_tables(op: MigrationSteps) -> None:
    """Undo `part_message_tables`: one table again, with every row."""
    for table, columns in _PRIMARY_KEYS.items():
        op.execute(_MERGE.format(table=table, columns=columns))
        for create_index in _CREATE[table][1:]:
            op.execute(create_index)
    drop_partition_functions(op)
    bound_message_tables(op)
