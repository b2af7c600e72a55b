"""Remember since when somebody can be let into an account: what was never open may be a stranger's."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("identities", sa.Column("opened_at", sa.DateTime(timezone=True)))
    # Of one that waits or is locked nobody noted whether it was open before; what it holds tells.
    op.execute(
        "UPDATE identities SET opened_at = created_at"
        " WHERE status IN ('active', 'closed') OR email_verified_at IS NOT NULL"
        " OR second_factor OR roles <> '{customer}'"
        " OR id IN (SELECT user_id FROM refresh_families)"
    )
    op.create_index(
        "ix_identities_waiting",
        "identities",
        ["created_at"],
        postgresql_where=sa.text("status = 'pending' AND opened_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_identities_waiting", "identities")
    op.drop_column("identities", "opened_at")
