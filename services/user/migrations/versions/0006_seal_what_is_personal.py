"""Seal what is personal.

Old and new versions run side by side: the plain columns stay, and are emptied by `python -m libs.privacy contract user`.
"""

from alembic import op

from libs.privacy.tables import create_data_keys, drop_data_keys, seal_columns, unseal_columns

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_data_keys(op, "user", ["profiles", "addresses"])
    seal_columns(op, "profiles", ["display_name"])
    seal_columns(
        op, "addresses", ["recipient", "line1", "line2", "city", "region", "postal_code", "phone"]
    )


def downgrade() -> None:
    unseal_columns(
        op, "addresses", ["recipient", "line1", "line2", "city", "region", "postal_code", "phone"]
    )
    unseal_columns(op, "profiles", ["display_name"])
    drop_data_keys(op)
