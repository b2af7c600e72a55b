"""Tell the events of different providers apart."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE provider_events ADD COLUMN provider text NOT NULL DEFAULT 'simulator'")


def downgrade() -> None:
    op.execute("ALTER TABLE provider_events DROP COLUMN provider")
