"""Create the tombstones of who is forgotten, so that no message brings them back."""

from alembic import op

from libs.erasure.tables import create_tombstones, drop_tombstones

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_tombstones(op)


def downgrade() -> None:
    drop_tombstones(op)
