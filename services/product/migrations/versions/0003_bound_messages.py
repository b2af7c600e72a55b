"""Bound the ids of outbox and inbox, so that both can become the first partition of a table parted by week."""

from alembic import op

from libs.messaging.partitions import bound_message_tables, unbound_message_tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    bound_message_tables(op)


def downgrade() -> None:
    unbound_message_tables(op)
