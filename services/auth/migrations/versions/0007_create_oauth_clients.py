"""Create OAuth clients, codes and consents; let a login be a browser's, and a session a client's."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    _extend_families()
    _create_clients()
    op.create_table(
        "authorization_codes",
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.Column("client_id", sa.String(100), nullable=False),
        sa.Column("login_id", sa.String(40), nullable=False),
        sa.Column("redirect_uri", sa.Text, nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("audience", sa.String(200), nullable=False),
        sa.Column("nonce", sa.Text),
        sa.Column("code_challenge", sa.String(43), nullable=False),
        _now("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.String(40)),
        sa.PrimaryKeyConstraint("code_hash", name="pk_authorization_codes"),
        _foreign_key("authorization_codes", "client_id", "oauth_clients"),
        _foreign_key("authorization_codes", "login_id", "refresh_families"),
    )
    op.create_index("ix_authorization_codes_expires_at", "authorization_codes", ["expires_at"])
    op.create_table(
        "oauth_consents",
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("client_id", sa.String(100), nullable=False),
        sa.Column("scope", sa.String(100), nullable=False),
        _now("granted_at"),
        sa.PrimaryKeyConstraint("user_id", "client_id", "scope", name="pk_oauth_consents"),
        _foreign_key("oauth_consents", "user_id", "identities"),
        _foreign_key("oauth_consents", "client_id", "oauth_clients"),
    )


def _extend_families() -> None:
    for column in (
        sa.Column("cookie_hash", sa.LargeBinary),
        sa.Column("login_id", sa.String(40)),
        sa.Column("scopes", postgresql.ARRAY(sa.Text)),
        sa.Column("audience", sa.String(200)),
    ):
        op.add_column("refresh_families", column)
    op.create_unique_constraint(
        "uq_refresh_families_cookie_hash", "refresh_families", ["cookie_hash"]
    )
    op.create_foreign_key(
        "fk_refresh_families_login_id_refresh_families",
        "refresh_families",
        "refresh_families",
        ["login_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index("ix_refresh_families_login_id", "refresh_families", ["login_id"])


def _create_clients() -> None:
    texts = ("redirect_uris", "post_logout_redirect_uris", "scopes", "grants", "audiences")
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.String(100), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary),
        sa.Column("previous_secret_hash", sa.LargeBinary),
        sa.Column("previous_secret_until", sa.DateTime(timezone=True)),
        *(sa.Column(name, postgresql.ARRAY(sa.Text), nullable=False) for name in texts),
        sa.Column("trusted", sa.Boolean, nullable=False),
        sa.Column("status", sa.String(20), nullable=False, server_default="active"),
        _now("created_at"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_clients"),
        sa.CheckConstraint("status IN ('active', 'disabled')", name="ck_oauth_clients_status"),
    )


def downgrade() -> None:
    op.drop_table("oauth_consents")
    op.drop_table("authorization_codes")
    op.drop_table("oauth_clients")
    for column in ("audience", "scopes", "login_id", "cookie_hash"):
        op.drop_column("refresh_families", column)


def _foreign_key(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{to}"
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=name, ondelete="CASCADE")


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")
    )
