"""Create what people prove who they are with besides a password; let accounts wait for their address to be proved."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "totp_authenticators",
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("last_step", sa.BigInteger, nullable=False, server_default="0"),
        *_timestamps(),
        sa.PrimaryKeyConstraint("user_id", name="pk_totp_authenticators"),
        _of_identity("totp_authenticators"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name="pk_recovery_codes"),
        _of_identity("recovery_codes"),
    )
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("credential_id", sa.LargeBinary, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("name_sealed", sa.LargeBinary),
        sa.Column("transports", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("backed_up", sa.Boolean, nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
        _of_identity("passkeys"),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])
    _create_challenges()
    _allow_status("'active', 'pending', 'disabled'")


def _allow_status(words: str) -> None:
    name = op.f("ck_identities_ck_identities_status")  # as 0001 made it
    op.drop_constraint(name, "identities", type_="check")
    op.create_check_constraint(name, "identities", f"status IN ({words})")


def _create_challenges() -> None:
    op.create_table(
        "challenges",
        sa.Column("challenge_hash", sa.LargeBinary, nullable=False),
        sa.Column("purpose", sa.String(30), nullable=False),
        sa.Column("user_id", sa.String(40)),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("challenge_hash", name="pk_challenges"),
        sa.CheckConstraint(
            "purpose IN ('second_step', 'passkey_registration', 'passkey_login', 'passkey_proof')",
            name=op.f("ck_challenges_purpose"),
        ),
        _of_identity("challenges"),
    )
    op.create_index("ix_challenges_expires_at", "challenges", ["expires_at"])
    op.create_index("ix_challenges_user_id", "challenges", ["user_id"])


def downgrade() -> None:
    op.execute("UPDATE identities SET status = 'active' WHERE status = 'pending'")
    _allow_status("'active', 'disabled'")
    op.drop_table("challenges")
    op.drop_table("passkeys")
    op.drop_table("recovery_codes")
    op.drop_table("totp_authenticators")


def _of_identity(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"],
        ["identities.id"],
        name=f"fk_{table}_user_id_identities",
        ondelete="CASCADE",
    )


def _timestamps() -> tuple[sa.Column[object], ...]:
    return tuple(
        sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))
        for name in ("created_at", "updated_at")
    )
