"""Create profiles, addresses and the tables every service has."""

import sqlalchemy as sa
from alembic import op

from libs.idempotency.tables import create_idempotency_table, drop_idempotency_table
from libs.messaging.tables import create_messaging_tables, drop_messaging_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_messaging_tables(op)
    create_idempotency_table(op)
    op.create_table(
        "profiles",
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("home_region", sa.String(20), nullable=False),
        sa.Column("display_name", sa.String(100), nullable=False),
        sa.Column("locale", sa.String(20), nullable=False, server_default="en-US"),
        sa.Column("currency", sa.CHAR(3), nullable=False, server_default="USD"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        *_timestamps(),
        sa.PrimaryKeyConstraint("user_id", name="pk_profiles"),
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("home_region", sa.String(20), nullable=False),
        sa.Column("recipient", sa.String(100), nullable=False),
        sa.Column("line1", sa.String(200), nullable=False),
        sa.Column("line2", sa.String(200)),
        sa.Column("city", sa.String(100), nullable=False),
        sa.Column("region", sa.String(100)),
        sa.Column("postal_code", sa.String(20), nullable=False),
        sa.Column("country", sa.CHAR(2), nullable=False),
        sa.Column("phone", sa.String(30)),
        sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_addresses"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["profiles.user_id"],
            name="fk_addresses_user_id_profiles",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("country ~ '^[A-Z]{2}$'", name="ck_addresses_country_is_iso"),
    )
    op.create_index("ix_addresses_user_id", "addresses", ["user_id"])
    op.create_index(
        "uq_addresses_one_default_per_user",
        "addresses",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )


def downgrade() -> None:
    op.drop_table("addresses")
    op.drop_table("profiles")
    drop_idempotency_table(op)
    drop_messaging_tables(op)


def _timestamps() -> tuple[sa.Column[object], ...]:
    return tuple(
        sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))
        for name in ("created_at", "updated_at")
    )
