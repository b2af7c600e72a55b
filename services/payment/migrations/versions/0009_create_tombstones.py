"""Create the tombstones of who is forgotten, and note which payment an event of the provider's spoke of."""

from alembic import op

from libs.erasure.tables import create_tombstones, drop_tombstones

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    create_tombstones(op)
    op.execute("ALTER TABLE provider_events ADD COLUMN payment_id text")
    op.execute("CREATE INDEX ix_provider_events_payment_id ON provider_events (payment_id)")


def downgrade() -> None:
    op.execute("ALTER TABLE provider_events DROP COLUMN payment_id")
    drop_tombstones(op)
