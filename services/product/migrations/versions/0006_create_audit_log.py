"""Create the append-only, chained log of who did what."""

from alembic import op

from libs.audit.tables import create_audit_tables, drop_audit_tables

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_audit_tables(op)


def downgrade() -> None:
    drop_audit_tables(op)
