"""Create payments, provider operations, refunds, the append-only ledger and provider events."""

from typing import Final

from alembic import op

from libs.idempotency.tables import create_idempotency_table, drop_idempotency_table
from libs.messaging.tables import create_messaging_tables, drop_messaging_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APP_ROLE: Final = "shop_payment_app"

EDGES: Final = (
    ("authorizing", "authorized"),
    ("authorizing", "declined"),
    ("authorizing", "outcome_unknown"),
    ("authorizing", "voiding"),
    ("authorizing", "voided"),
    ("outcome_unknown", "authorized"),
    ("outcome_unknown", "declined"),
    ("outcome_unknown", "voiding"),
    ("outcome_unknown", "voided"),
    ("authorized", "capturing"),
    ("authorized", "voiding"),
    ("declined", "voided"),
    ("capturing", "captured"),
    ("capturing", "declined"),
    ("capturing", "voiding"),
    ("captured", "partially_refunded"),
    ("captured", "refunded"),
    ("voiding", "voided"),
    ("partially_refunded", "refunded"),
)
FIRST_STATES: Final = ("authorizing", "declined", "voided")

PAYMENTS: Final = """
CREATE TABLE payments (
    id text CONSTRAINT pk_payments PRIMARY KEY,
    order_id text NOT NULL CONSTRAINT uq_payments_order_id UNIQUE,
    user_id text,
    home_region text NOT NULL,
    amount_minor bigint,
    currency char(3),
    payment_method text,
    state text NOT NULL,
    void_requested boolean NOT NULL DEFAULT false,
    provider_reference text,
    decline_reason text,
    captured_minor bigint NOT NULL DEFAULT 0,
    refunded_minor bigint NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_payments_state_known CHECK (state IN (
        'authorizing', 'outcome_unknown', 'authorized', 'declined', 'capturing', 'captured',
        'voiding', 'voided', 'partially_refunded', 'refunded')),
    CONSTRAINT ck_payments_complete CHECK (state IN ('voided', 'declined') OR (user_id IS NOT NULL
        AND amount_minor IS NOT NULL AND currency IS NOT NULL AND payment_method IS NOT NULL)),
    CONSTRAINT ck_payments_never_over_captured
        CHECK (captured_minor BETWEEN 0 AND coalesce(amount_minor, 0)),
    CONSTRAINT ck_payments_never_over_refunded CHECK (refunded_minor BETWEEN 0 AND captured_minor)
)
"""

OPERATIONS: Final = """
CREATE TABLE provider_operations (
    key text CONSTRAINT pk_provider_operations PRIMARY KEY,
    payment_id text NOT NULL
        CONSTRAINT fk_provider_operations_payment_id_payments REFERENCES payments (id),
    purpose text NOT NULL,
    refund_id text,
    amount_minor bigint NOT NULL,
    currency char(3) NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    next_attempt_at timestamptz NOT NULL,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_provider_operations_purpose_known
        CHECK (purpose IN ('authorize', 'capture', 'void', 'refund')),
    CONSTRAINT ck_provider_operations_state_known
        CHECK (state IN ('intended', 'unknown', 'succeeded', 'refused')),
    CONSTRAINT ck_provider_operations_refund_named
        CHECK ((purpose = 'refund') = (refund_id IS NOT NULL))
)
"""

REFUNDS: Final = """
CREATE TABLE refunds (
    id text CONSTRAINT pk_refunds PRIMARY KEY,
    payment_id text NOT NULL CONSTRAINT fk_refunds_payment_id_payments REFERENCES payments (id),
    amount_minor bigint NOT NULL,
    currency char(3) NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    failure_reason text,
    provider_reference text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_refunds_state_known CHECK (state IN ('requested', 'succeeded', 'failed'))
)
"""

LEDGER: Final = (
    """
    CREATE TABLE ledger_transactions (
        id text CONSTRAINT pk_ledger_transactions PRIMARY KEY,
        payment_id text NOT NULL
            CONSTRAINT fk_ledger_transactions_payment_id_payments REFERENCES payments (id),
        order_id text NOT NULL,
        purpose text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT uq_ledger_transactions_payment_id_purpose UNIQUE (payment_id, purpose)
    )
    """,
    """
    CREATE TABLE ledger_entries (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_ledger_entries PRIMARY KEY,
        transaction_id text NOT NULL
            CONSTRAINT fk_ledger_entries_transaction_id_ledger_transactions
            REFERENCES ledger_transactions (id),
        account text NOT NULL,
        side text NOT NULL,
        amount_minor bigint NOT NULL,
        currency char(3) NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT ck_ledger_entries_account_known
            CHECK (account IN ('provider_clearing', 'sales', 'refunds')),
        CONSTRAINT ck_ledger_entries_side_known CHECK (side IN ('debit', 'credit')),
        CONSTRAINT ck_ledger_entries_amount_positive CHECK (amount_minor > 0)
    )
    """,
)

PROVIDER_EVENTS: Final = """
CREATE TABLE provider_events (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_provider_events PRIMARY KEY,
    provider_event_id text NOT NULL CONSTRAINT uq_provider_events_provider_event_id UNIQUE,
    type text NOT NULL,
    body text NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    note text,
    received_at timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz,
    CONSTRAINT ck_provider_events_state_known
        CHECK (state IN ('pending', 'applied', 'repeated', 'ignored', 'rejected'))
)
"""

INDEXES: Final = (
    "CREATE INDEX ix_payments_user_id ON payments (user_id)",
    "CREATE INDEX ix_provider_operations_payment_id ON provider_operations (payment_id)",
    "CREATE INDEX ix_provider_operations_open ON provider_operations (next_attempt_at)"
    " WHERE state IN ('intended', 'unknown')",
    "CREATE INDEX ix_refunds_payment_id ON refunds (payment_id)",
    "CREATE INDEX ix_ledger_transactions_order_id ON ledger_transactions (order_id)",
    "CREATE INDEX ix_ledger_entries_transaction_id ON ledger_entries (transaction_id)",
    "CREATE INDEX ix_provider_events_pending ON provider_events (id) WHERE state = 'pending'",
)

# The same table of edges as the code's: a change made past the code is refused as well.
STATE_TRIGGER: Final = """
CREATE FUNCTION check_payment_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ({first}) THEN
            RAISE EXCEPTION 'a payment cannot start as %', NEW.state USING ERRCODE = '23514';
        END IF;
    ELSIF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({edges}) THEN
        RAISE EXCEPTION 'a payment cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""

APPEND_ONLY: Final = """
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % of % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = '42501', HINT = 'Book a correction as a new transaction.';
END $$
"""

# Deferred to the commit: a transaction is booked line by line, but never half.
BALANCED: Final = """
CREATE FUNCTION check_ledger_balance() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    checked text;
BEGIN
    IF TG_TABLE_NAME = 'ledger_entries' THEN
        checked := NEW.transaction_id;
    ELSE
        checked := NEW.id;
    END IF;
    IF NOT EXISTS (SELECT FROM ledger_entries WHERE transaction_id = checked) THEN
        RAISE EXCEPTION 'ledger transaction % has no entries', checked USING ERRCODE = '23514';
    END IF;
    IF EXISTS (
        SELECT FROM ledger_entries WHERE transaction_id = checked GROUP BY currency
        HAVING sum(CASE side WHEN 'debit' THEN amount_minor ELSE -amount_minor END) <> 0
    ) THEN
        RAISE EXCEPTION 'ledger transaction % does not balance', checked USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    create_messaging_tables(op)
    create_idempotency_table(op)
    for statement in (PAYMENTS, OPERATIONS, REFUNDS, *LEDGER, PROVIDER_EVENTS, *INDEXES):
        op.execute(statement)
    _create_state_trigger()
    _protect_ledger()


def downgrade() -> None:
    for table in (
        "provider_events",
        "ledger_entries",
        "ledger_transactions",
        "refunds",
        "provider_operations",
        "payments",
    ):
        op.execute(f"DROP TABLE {table}")
    for function in ("check_payment_state", "refuse_ledger_change", "check_ledger_balance"):
        op.execute(f"DROP FUNCTION {function}()")
    drop_idempotency_table(op)
    drop_messaging_tables(op)


def _create_state_trigger() -> None:
    first = ", ".join(f"'{state}'" for state in FIRST_STATES)
    edges = ", ".join(f"('{before}', '{after}')" for before, after in EDGES)
    op.execute(STATE_TRIGGER.format(first=first, edges=edges))
    op.execute(
        "CREATE TRIGGER payment_state BEFORE INSERT OR UPDATE OF state ON payments"
        " FOR EACH ROW EXECUTE FUNCTION check_payment_state()"
    )


def _protect_ledger() -> None:
    op.execute(APPEND_ONLY)
    op.execute(BALANCED)
    for table in ("ledger_transactions", "ledger_entries"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}")
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()"
        )
        op.execute(
            f"CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON {table}"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_balance()"
        )
