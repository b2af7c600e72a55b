"""Seal what is personal.

Old and new versions run side by side: the plain columns stay, and are emptied by `python -m libs.privacy contract auth`.
"""

from alembic import op

from libs.privacy.tables import create_data_keys, drop_data_keys, seal_columns, unseal_columns

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    create_data_keys(op, "auth", ["identities", "mail_requests"])
    seal_columns(op, "identities", ["email", "display_name"], {"email": "email_index"})
    seal_columns(op, "mail_requests", ["email"])


def downgrade() -> None:
    unseal_columns(op, "mail_requests", ["email"])
    unseal_columns(op, "identities", ["email", "display_name"], {"email": "email_index"})
    drop_data_keys(op)
