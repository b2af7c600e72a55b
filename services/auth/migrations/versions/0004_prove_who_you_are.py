"""Remember how a login was proved, whether an address is, and which mails somebody asked for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "identities",
        sa.Column("second_factor", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.add_column("identities", sa.Column("email_verified_at", sa.DateTime(timezone=True)))
    op.add_column(
        "refresh_families",
        sa.Column("acr", sa.Text, nullable=False, server_default="urn:meridian:acr:password"),
    )
    op.add_column(
        "refresh_families",
        sa.Column("amr", postgresql.ARRAY(sa.Text), nullable=False, server_default="{pwd}"),
    )
    op.create_table(
        "mail_requests",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("user_id", sa.String(40)),
        sa.Column("purpose", sa.String(30), nullable=False),
        sa.Column("email", postgresql.CITEXT),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("token_hash", sa.LargeBinary),
        sa.Column("token_expires_at", sa.DateTime(timezone=True)),
        *(
            sa.Column(
                name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")
            )
            for name in ("created_at", "updated_at")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_mail_requests"),
        sa.UniqueConstraint("token_hash", name="uq_mail_requests_token_hash"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["identities.id"],
            name="fk_mail_requests_user_id_identities",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "purpose IN ('verify_email', 'reset_password', 'change_email', 'tell_old_address')",
            name="ck_mail_requests_purpose",
        ),
    )
    op.create_index("ix_mail_requests_user_id", "mail_requests", ["user_id"])
    op.create_index("ix_mail_requests_expires_at", "mail_requests", ["expires_at"])


def downgrade() -> None:
    op.drop_table("mail_requests")
    op.drop_column("refresh_families", "amr")
    op.drop_column("refresh_families", "acr")
    op.drop_column("identities", "email_verified_at")
    op.drop_column("identities", "second_factor")
