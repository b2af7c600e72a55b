"""What the application role, which owns no table, may ask the owner to do with partitions, and nothing beyond it.

The next week of outbox or inbox, made ahead; the end of a week that is past its retention and in which nothing waits.
Both give up after a tenth of a second rather than let a request wait behind them. A migration is history: nothing
here may change once it has been delivered.
"""

from typing import Final

from libs.database.base import MigrationSteps

ID_AT: Final = (
    "(lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0')"
    " || '70008000000000000000')::uuid"
)
"""SQL for the smallest UUIDv7 of a moment: 48 bits of milliseconds, version 7, variant 8, nothing else."""

_CREATE_PARTITION: Final = """
    CREATE FUNCTION create_message_partition(parent text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET lock_timeout = '100ms' SET timezone = 'UTC' AS $$
    DECLARE
        starts timestamptz;
        name text;
    BEGIN
        IF parent NOT IN ('outbox_messages', 'inbox_messages') THEN
            RAISE insufficient_privilege USING MESSAGE = 'only outbox and inbox are parted by week';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || ' partitions', 0));
        SELECT max(uuid_extract_timestamp(
                substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''([0-9a-f-]{36})''')::uuid))
            INTO starts FROM pg_class JOIN pg_inherits ON inhrelid = oid
            WHERE inhparent = parent::regclass;
        starts := greatest(starts, date_trunc('week', now()));
        WHILE starts <= now() + interval '7 days' LOOP
            name := parent || '_' || to_char(starts, 'YYYYMMDD');
            BEGIN
                -- Made aside and attached: a partition made in place would lock out every insert.
                EXECUTE format('CREATE TABLE %I '
                    '(LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name, parent);
                EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                    parent, name, {first}, {past});
                RETURN name;
            EXCEPTION WHEN check_violation THEN
                -- The default partition has rows of this week already, so it keeps this week.
                starts := starts + interval '7 days';
            END;
        END LOOP;
        RETURN NULL;
    END $$
""".replace("{first}", ID_AT.format(moment="starts")).replace(
    "{past}", ID_AT.format(moment="(starts + interval '7 days')")
)

_DROP_PARTITION: Final = """
    CREATE FUNCTION drop_message_partition(parent text, part text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET lock_timeout = '100ms' SET timezone = 'UTC' AS $$
    DECLARE
        days integer;
        waiting text;
        ended timestamptz;
        waits boolean;
    BEGIN
        CASE parent
            WHEN 'outbox_messages' THEN days := 14; waiting := 'published_at IS NULL';
            WHEN 'inbox_messages' THEN days := 35; waiting := 'status = ''parked''';
            ELSE RAISE insufficient_privilege
                USING MESSAGE = 'only outbox and inbox are parted by week';
        END CASE;
        PERFORM pg_advisory_xact_lock(hashtextextended(current_schema() || ' partitions', 0));
        IF to_regclass(quote_ident(part)) IS NULL THEN
            RETURN true; -- another worker was first
        END IF;
        SELECT uuid_extract_timestamp(
                substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''([0-9a-f-]{36})''')::uuid)
            INTO ended FROM pg_class JOIN pg_inherits ON inhrelid = oid
            WHERE inhparent = parent::regclass AND relname = part;
        IF ended IS NULL OR ended > now() - make_interval(days => days) THEN
            RAISE insufficient_privilege USING MESSAGE = format(
                '%s is no week of %s older than %s days', part, parent, days);
        END IF;
        EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
        EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', part);
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %s)', part, waiting) INTO waits;
        IF NOT waits THEN
            EXECUTE format('DROP TABLE %I', part);
        END IF;
        RETURN NOT waits;
    END $$
"""

_FUNCTIONS: Final = ("create_message_partition(text)", "drop_message_partition(text, text)")

_GRANT: Final = """
    DO $$ BEGIN
        EXECUTE format('ALTER FUNCTION {function} SET search_path = %I, pg_temp', current_schema());
        REVOKE ALL ON FUNCTION {function} FROM PUBLIC;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_schema() || '_app') THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION {function} TO %I', current_schema() || '_app');
        END IF;
    END $$
"""


def create_partition_functions(op: MigrationSteps) -> None:
    """Create both and let only the schema's application role call them."""
    for statement in (_CREATE_PARTITION, _DROP_PARTITION):
        op.execute(statement)
    for function in _FUNCTIONS:
        op.execute(_GRANT.format(function=function))


def drop_partition_functions(op: MigrationSteps) -> None:
    """Undo `create_partition_functions`."""
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
