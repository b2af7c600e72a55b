"""Create carts, what is known of the catalogue, and the tables every service has."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.idempotency.tables import create_idempotency_table, drop_idempotency_table
from libs.messaging.tables import create_messaging_tables, drop_messaging_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_messaging_tables(op)
    create_idempotency_table(op)
    _create_carts()
    _create_catalogue()


def downgrade() -> None:
    for table in ("known_stock", "known_variants", "cart_lines", "carts"):
        op.drop_table(table)
    drop_idempotency_table(op)
    drop_messaging_tables(op)


def _create_carts() -> None:
    op.create_table(
        "carts",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("home_region", sa.String(20), nullable=False),
        sa.Column("user_id", sa.String(40)),
        sa.Column("guest_token_hash", sa.LargeBinary),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("status", sa.String(10), nullable=False, server_default="active"),
        sa.Column("merged_into", sa.String(40)),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_carts"),
        sa.CheckConstraint(
            "(user_id IS NULL) <> (guest_token_hash IS NULL)", name="ck_carts_has_one_owner"
        ),
        sa.CheckConstraint("status IN ('active', 'merged')", name="ck_carts_status_is_known"),
    )
    op.create_index(
        "uq_carts_one_active_per_user",
        "carts",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index("uq_carts_guest_token_hash", "carts", ["guest_token_hash"], unique=True)
    op.create_table(
        "cart_lines",
        sa.Column("cart_id", sa.String(40), nullable=False),
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger, nullable=False),
        sa.Column("price_version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("cart_id", "sku", name="pk_cart_lines"),
        sa.ForeignKeyConstraint(
            ["cart_id"], ["carts.id"], name="fk_cart_lines_cart_id_carts", ondelete="CASCADE"
        ),
        sa.CheckConstraint("quantity BETWEEN 1 AND 99", name="ck_cart_lines_quantity_is_sensible"),
    )


def _create_catalogue() -> None:
    op.create_table(
        "known_variants",
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("product_id", sa.String(40), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("is_for_sale", sa.Boolean, nullable=False),
        sa.Column("prices", postgresql.JSONB, nullable=False),
        sa.Column("product_version", sa.BigInteger, nullable=False),
        *_timestamps(),
        sa.PrimaryKeyConstraint("sku", name="pk_known_variants"),
    )
    op.create_table(
        "known_stock",
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("available", sa.Integer, nullable=False),
        sa.Column("stock_version", sa.BigInteger, nullable=False),
        *_timestamps(),
        sa.PrimaryKeyConstraint("sku", name="pk_known_stock"),
    )


def _timestamps() -> tuple[sa.Column[object], ...]:
    return tuple(
        sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))
        for name in ("created_at", "updated_at")
    )
