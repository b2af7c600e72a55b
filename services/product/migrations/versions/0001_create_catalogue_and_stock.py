"""Create catalogue, stock and reservations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from libs.idempotency.tables import create_idempotency_table, drop_idempotency_table
from libs.messaging.tables import create_messaging_tables, drop_messaging_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SEARCH_DOCUMENT = (
    "setweight(to_tsvector('english', title), 'A') || "
    "setweight(to_tsvector('english', description), 'B')"
)


def upgrade() -> None:
    create_messaging_tables(op)
    create_idempotency_table(op)
    _create_catalogue()
    _create_stock()
    _create_reservations()


def downgrade() -> None:
    for table in (
        "reservation_lines",
        "reservations",
        "stock_adjustments",
        "stock_levels",
        "listing_prices",
        "prices",
        "variants",
        "products",
        "categories",
    ):
        op.drop_table(table)
    drop_idempotency_table(op)
    drop_messaging_tables(op)


def _timestamps() -> tuple[sa.Column[object], sa.Column[object]]:
    return (
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
    )


def _create_catalogue() -> None:
    op.create_table(
        "categories",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("parent_id", sa.Text),
        sa.Column("home_region", sa.Text, nullable=False),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_categories"),
        sa.UniqueConstraint("slug", name="uq_categories_slug"),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["categories.id"], name="fk_categories_parent_id_categories"
        ),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_categories_not_own_parent")),
    )
    op.create_index("ix_categories_parent_id", "categories", ["parent_id"])
    op.create_table(
        "products",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("category_id", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("home_region", sa.Text, nullable=False),
        sa.Column("search", TSVECTOR, sa.Computed(SEARCH_DOCUMENT, persisted=True), nullable=False),
        *_timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
        sa.UniqueConstraint("slug", name="uq_products_slug"),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name="fk_products_category_id_categories"
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'active', 'archived')", name=op.f("ck_products_status_known")
        ),
    )
    op.create_index("ix_products_search", "products", ["search"], postgresql_using="gin")
    op.create_index(
        "ix_products_title_trigrams",
        "products",
        ["title"],
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops"},
    )
    op.create_index("ix_products_category_id_id", "products", ["category_id", "id"])
    _create_variants_and_prices()


def _create_variants_and_prices() -> None:
    op.create_table(
        "variants",
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *_timestamps(),
        sa.PrimaryKeyConstraint("sku", name="pk_variants"),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name="fk_variants_product_id_products"
        ),
    )
    op.create_index("ix_variants_product_id", "variants", ["product_id"])
    op.create_table(
        "prices",
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        *_timestamps(),
        sa.PrimaryKeyConstraint("sku", "currency", name="pk_prices"),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name="fk_prices_sku_variants"),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_prices_amount_not_negative")),
    )
    op.create_table(
        "listing_prices",
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("from_minor", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("product_id", "currency", name="pk_listing_prices"),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name="fk_listing_prices_product_id_products"
        ),
    )
    op.create_index(
        "ix_listing_prices_order", "listing_prices", ["currency", "from_minor", "product_id"]
    )


def _create_stock() -> None:
    op.create_table(
        "stock_levels",
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("available", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("sold", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("home_region", sa.Text, nullable=False),
        *_timestamps(),
        sa.PrimaryKeyConstraint("sku", name="pk_stock_levels"),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name="fk_stock_levels_sku_variants"),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name="fk_stock_levels_product_id_products"
        ),
        sa.CheckConstraint("available >= 0", name=op.f("ck_stock_levels_available_not_negative")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_stock_levels_held_not_negative")),
        sa.CheckConstraint("sold >= 0", name=op.f("ck_stock_levels_sold_not_negative")),
        sa.CheckConstraint(
            "received = available + held + sold", name=op.f("ck_stock_levels_conserved")
        ),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_stock_levels_product_id", "stock_levels", ["product_id"])
    op.create_table(
        "stock_adjustments",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("available_after", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stock_adjustments"),
        sa.ForeignKeyConstraint(
            ["sku"], ["variants.sku"], name="fk_stock_adjustments_sku_variants"
        ),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_stock_adjustments_quantity_not_zero")),
    )
    op.create_index("ix_stock_adjustments_sku_id", "stock_adjustments", ["sku", "id"])
    # A ledger that its writer could rewrite proves nothing.
    op.execute("REVOKE UPDATE, DELETE ON stock_adjustments FROM shop_product_app")


def _create_reservations() -> None:
    op.create_table(
        "reservations",
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("currency", sa.CHAR(3)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("home_region", sa.Text, nullable=False),
        *_timestamps(),
        sa.PrimaryKeyConstraint("order_id", name="pk_reservations"),
        sa.CheckConstraint(
            "state IN ('held', 'committed', 'expired', 'released', 'rejected')",
            name=op.f("ck_reservations_state_known"),
        ),
        sa.CheckConstraint(
            "state <> 'held' OR expires_at IS NOT NULL", name=op.f("ck_reservations_held_expires")
        ),
    )
    op.create_index(
        "ix_reservations_due",
        "reservations",
        ["expires_at"],
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_table(
        "reservation_lines",
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("product_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger, nullable=False),
        sa.Column("price_version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "sku", name="pk_reservation_lines"),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["reservations.order_id"],
            name="fk_reservation_lines_order_id_reservations",
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_reservation_lines_quantity_positive")),
    )
    op.create_index("ix_reservation_lines_sku", "reservation_lines", ["sku"])
