"""Create reconciliation's runs, cases and the cases' append-only history."""

from typing import Final

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APP_ROLE: Final = "shop_payment_app"

RUNS: Final = """
CREATE TABLE reconciliation_runs (
    id text CONSTRAINT pk_reconciliation_runs PRIMARY KEY,
    provider text NOT NULL,
    day date NOT NULL,
    state text NOT NULL DEFAULT 'running',
    lease_until timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    charges integer NOT NULL DEFAULT 0,
    refunds integer NOT NULL DEFAULT 0,
    payments integer NOT NULL DEFAULT 0,
    breaks integer NOT NULL DEFAULT 0,
    opened integer NOT NULL DEFAULT 0,
    healed integer NOT NULL DEFAULT 0,
    error text,
    CONSTRAINT ck_reconciliation_runs_state_known
        CHECK (state IN ('running', 'succeeded', 'failed'))
)
"""

CASES: Final = """
CREATE TABLE reconciliation_cases (
    id text CONSTRAINT pk_reconciliation_cases PRIMARY KEY,
    provider text NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    subject text NOT NULL,
    day date NOT NULL,
    payment_id text,
    order_id text,
    provider_reference text,
    ours text NOT NULL,
    theirs text NOT NULL,
    status text NOT NULL DEFAULT 'open',
    owner text,
    note text,
    version integer NOT NULL DEFAULT 1,
    opened_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    CONSTRAINT uq_reconciliation_cases_provider_kind_subject UNIQUE (provider, kind, subject),
    CONSTRAINT ck_reconciliation_cases_kind_known CHECK (kind IN ('missing_here', 'missing_there',
        'amount', 'currency', 'duplicate_charge', 'refund_only', 'state', 'ledger_missing')),
    CONSTRAINT ck_reconciliation_cases_source_known CHECK (source IN ('reconciliation', 'webhook')),
    CONSTRAINT ck_reconciliation_cases_status_known
        CHECK (status IN ('open', 'assigned', 'resolved')),
    CONSTRAINT ck_reconciliation_cases_resolved_once
        CHECK ((status = 'resolved') = (resolved_at IS NOT NULL)),
    CONSTRAINT ck_reconciliation_cases_owner_named
        CHECK (status <> 'assigned' OR owner IS NOT NULL)
)
"""

CHANGES: Final = """
CREATE TABLE reconciliation_case_changes (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_reconciliation_case_changes PRIMARY KEY,
    case_id text NOT NULL
        CONSTRAINT fk_reconciliation_case_changes_case_id_reconciliation_cases
        REFERENCES reconciliation_cases (id),
    change text NOT NULL,
    actor text NOT NULL,
    owner text,
    note text,
    at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_reconciliation_case_changes_change_known
        CHECK (change IN ('opened', 'assigned', 'resolved', 'healed', 'reopened'))
)
"""

INDEXES: Final = (
    "CREATE UNIQUE INDEX uq_reconciliation_runs_running ON reconciliation_runs (provider, day)"
    " WHERE state = 'running'",
    "CREATE INDEX ix_reconciliation_runs_day ON reconciliation_runs (provider, day)",
    "CREATE INDEX ix_reconciliation_cases_status ON reconciliation_cases (status, opened_at)",
    "CREATE INDEX ix_reconciliation_cases_order_id ON reconciliation_cases (order_id)",
    "CREATE INDEX ix_reconciliation_case_changes_case_id ON reconciliation_case_changes (case_id)",
)

APPEND_ONLY: Final = """
CREATE FUNCTION refuse_case_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of a case is append-only: % refused', TG_OP
        USING ERRCODE = '42501', HINT = 'Add another change instead.';
END $$
"""


def upgrade() -> None:
    for statement in (RUNS, CASES, CHANGES, *INDEXES, APPEND_ONLY):
        op.execute(statement)
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON reconciliation_case_changes FROM {APP_ROLE}")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE"
        " ON reconciliation_case_changes"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_case_history_change()"
    )


def downgrade() -> None:
    for table in (
        "reconciliation_case_changes",
        "reconciliation_cases",
        "reconciliation_runs",
    ):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION refuse_case_history_change()")
