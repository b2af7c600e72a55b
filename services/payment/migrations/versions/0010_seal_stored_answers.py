"""Seal stored answers.

Old and new versions run side by side: the plain columns stay, and are emptied by `python -m libs.privacy contract payment`.
"""

from alembic import op

from libs.privacy.tables import create_data_keys, drop_data_keys

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    create_data_keys(op, "payment")


def downgrade() -> None:
    drop_data_keys(op)
