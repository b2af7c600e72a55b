"""Close ledger transactions with the commit that made them: nobody adds entries to one later."""

from typing import Final

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A transaction's row knows by its xmin who made it. Entries that balance among themselves would
# pass the check of the balance, and still change what was booked.
CLOSED: Final = """
CREATE FUNCTION refuse_late_ledger_entry() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT FROM ledger_transactions
        WHERE id = NEW.transaction_id AND xmin <> pg_current_xact_id()::xid
    ) THEN
        RAISE EXCEPTION 'ledger transaction % is closed', NEW.transaction_id
            USING ERRCODE = '42501', HINT = 'Book a correction as a new transaction.';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute(CLOSED)
    op.execute(
        "CREATE TRIGGER closed BEFORE INSERT ON ledger_entries"
        " FOR EACH ROW EXECUTE FUNCTION refuse_late_ledger_entry()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER closed ON ledger_entries")
    op.execute("DROP FUNCTION refuse_late_ledger_entry()")
