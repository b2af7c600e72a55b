"""Seal what is personal.

Old and new versions run side by side: the plain columns stay, and are emptied by `python -m libs.privacy contract order`.
"""

from alembic import op

from libs.privacy.tables import create_data_keys, drop_data_keys, seal_columns, unseal_columns

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    create_data_keys(op, "order", ["orders"])
    seal_columns(op, "orders", ["ship_to"])


def downgrade() -> None:
    unseal_columns(op, "orders", ["ship_to"])
    drop_data_keys(op)
