"""Let the audit log's oldest entries be removed, from its beginning alone."""

from alembic import op

from libs.audit.retention_function import let_audit_logs_forget, let_audit_logs_forget_nothing

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    let_audit_logs_forget(op)


def downgrade() -> None:
    let_audit_logs_forget_nothing(op)
