"""Take every stock and title product can tell: a value too large for its column would stop the queue."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TITLED = ("cart_lines", "known_variants")


def upgrade() -> None:
    op.alter_column("known_stock", "available", type_=sa.BigInteger)
    for table in _TITLED:
        op.alter_column(table, "title", type_=sa.String(500))


def downgrade() -> None:
    for table in _TITLED:
        op.alter_column(table, "title", type_=sa.String(300), postgresql_using="left(title, 300)")
    op.alter_column(
        "known_stock",
        "available",
        type_=sa.Integer,
        postgresql_using="least(available, 2147483647)",
    )
