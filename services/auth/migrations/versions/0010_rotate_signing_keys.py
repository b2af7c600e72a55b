"""Remember since when and until when a key signed and what wrapped it; find the sessions that ended lately."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column(
        "signing_keys",
        sa.Column("wrapped_by", sa.String(10), nullable=False, server_default="secret"),
    )
    op.add_column("signing_keys", sa.Column("signs_since", sa.DateTime(timezone=True)))
    op.add_column("signing_keys", sa.Column("signed_until", sa.DateTime(timezone=True)))
    op.create_index("ix_refresh_families_revoked_at", "refresh_families", ["revoked_at"])


def downgrade() -> None:
    op.drop_index("ix_refresh_families_revoked_at", "refresh_families")
    for column in ("signed_until", "signs_since", "wrapped_by"):
        op.drop_column("signing_keys", column)
