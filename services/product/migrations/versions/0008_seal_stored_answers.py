"""Seal stored answers.

Old and new versions run side by side: the plain columns stay, and are emptied by `python -m libs.privacy contract product`.
"""

from alembic import op

from libs.privacy.tables import create_data_keys, drop_data_keys

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    create_data_keys(op, "product")


def downgrade() -> None:
    drop_data_keys(op)
