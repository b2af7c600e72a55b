"""Remember the highest version of a cart that was ordered, so that a late event takes out nothing twice."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "carts", sa.Column("ordered_version", sa.Integer, nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("carts", "ordered_version")
