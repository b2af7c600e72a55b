"""What the application role, which can delete nothing, may ask the owner to remove from the audit log, and no more.

Only from the chain's beginning, only what is older than 400 days, and never the last entry that is: its seal and its
date, which is part of the seal, prove to everybody after that nothing younger went. A migration is history: nothing here
may change once it has been delivered.
"""

from typing import Final

from libs.database.base import MigrationSteps

_CREATE: Final = (
    """
    CREATE TABLE audit_checkpoints (
        number bigint CONSTRAINT pk_audit_checkpoints PRIMARY KEY,
        digest bytea NOT NULL,
        removed_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- Whoever may not delete gains nothing by setting this: it is there for the owner's function below.
        IF TG_OP = 'DELETE' AND current_setting('audit.forgetting', true) = 'on' THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'the audit log is append-only: % of % refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = '42501', HINT = 'Record what corrects it as a new entry.';
    END $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()
    """,
    """
    CREATE FUNCTION forget_audit_entries(age interval, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET lock_timeout = '100ms' AS $$
    DECLARE
        first bigint;
        kept bigint;
        gone uuid[];
    BEGIN
        IF age < interval '400 days' THEN
            RAISE insufficient_privilege USING MESSAGE = 'the audit log is kept for 400 days at least';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || ' audit', 0));
        SELECT min(number) INTO first FROM audit_seals;
        SELECT coalesce(min(number) FILTER (WHERE recorded_at >= now() - age
                OR recorded_at IS NULL) - 1, max(number))
            INTO kept FROM audit_seals LEFT JOIN audit_entries ON id = entry_id
            WHERE number <= first + most;
        IF kept IS NULL OR kept <= first THEN
            RETURN 0;
        END IF;
        PERFORM set_config('audit.forgetting', 'on', true);
        INSERT INTO audit_checkpoints (number, digest)
            SELECT number, digest FROM audit_seals WHERE number = kept - 1;
        WITH unsealed AS (DELETE FROM audit_seals WHERE number < kept RETURNING entry_id)
            SELECT array_agg(entry_id) INTO gone FROM unsealed;
        DELETE FROM audit_entries WHERE id = ANY (gone);
        PERFORM set_config('audit.forgetting', 'off', true);
        RETURN cardinality(gone);
    END $$
    """,
    """
    DO $$ BEGIN
        EXECUTE format('ALTER FUNCTION forget_audit_entries(interval, integer)'
            ' SET search_path = %I, pg_temp', current_schema());
        REVOKE ALL ON FUNCTION forget_audit_entries(interval, integer) FROM PUBLIC;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_schema() || '_app') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION forget_audit_entries(interval, integer) TO %I',
                current_schema() || '_app');
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON audit_checkpoints FROM %I',
                current_schema() || '_app');
        END IF;
    END $$
    """,
)
_DROP: Final = (
    "DROP FUNCTION forget_audit_entries(interval, integer)",
    "DROP TABLE audit_checkpoints",
)


def let_audit_logs_forget(op: MigrationSteps) -> None:
    """Let the log's oldest entries be removed in the schema being migrated; each service's migration calls it once."""
    for statement in _CREATE:
        op.execute(statement)


def let_audit_logs_forget_nothing(op: MigrationSteps) -> None:
    """Undo `let_audit_logs_forget`; what was removed stays removed, and the log then begins with a gap."""
    for statement in _DROP:
        op.execute(statement)
