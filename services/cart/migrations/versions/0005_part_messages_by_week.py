"""Part outbox and inbox by week, so that old messages are dropped and not deleted."""

from alembic import op

from libs.messaging.partitions import merge_message_tables, part_message_tables

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    part_message_tables(op)


def downgrade() -> None:
    merge_message_tables(op)
