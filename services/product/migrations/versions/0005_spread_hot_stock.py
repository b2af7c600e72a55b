"""Let the stock of a hot SKU lie in several rows, so that its buyers need not queue for one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "stock_levels", sa.Column("buckets", sa.SmallInteger, nullable=False, server_default="0")
    )
    op.add_column("stock_levels", sa.Column("announced_version", sa.BigInteger))
    op.create_check_constraint(
        op.f("ck_stock_levels_buckets_known"), "stock_levels", "buckets BETWEEN 0 AND 64"
    )
    op.create_check_constraint(
        op.f("ck_stock_levels_spread_is_empty"), "stock_levels", "buckets = 0 OR received = 0"
    )
    op.create_index(
        "ix_stock_levels_spread",
        "stock_levels",
        ["sku"],
        postgresql_where=sa.text("buckets > 0"),
    )
    op.add_column(
        "reservation_lines",
        sa.Column("bucket", sa.SmallInteger, nullable=False, server_default="0"),
    )
    _create_buckets()


def _create_buckets() -> None:
    counters = ("received", "available", "held", "sold", "version")
    op.create_table(
        "stock_buckets",
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("bucket", sa.SmallInteger, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in counters),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("sku", "bucket", name="pk_stock_buckets"),
        sa.ForeignKeyConstraint(
            ["sku"], ["stock_levels.sku"], name="fk_stock_buckets_sku_stock_levels"
        ),
        sa.CheckConstraint("bucket BETWEEN 1 AND 64", name=op.f("ck_stock_buckets_bucket_known")),
        sa.CheckConstraint("available >= 0", name=op.f("ck_stock_buckets_available_not_negative")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_stock_buckets_held_not_negative")),
        sa.CheckConstraint("sold >= 0", name=op.f("ck_stock_buckets_sold_not_negative")),
        sa.CheckConstraint(
            "received = available + held + sold", name=op.f("ck_stock_buckets_conserved")
        ),
        postgresql_with={"fillfactor": 50},
    )


def downgrade() -> None:
    op.drop_table("stock_buckets")
    op.drop_column("reservation_lines", "bucket")
    op.drop_index("ix_stock_levels_spread", "stock_levels")
    for name in ("spread_is_empty", "buckets_known"):
        op.drop_constraint(op.f(f"ck_stock_levels_{name}"), "stock_levels", type_="check")
    op.drop_column("stock_levels", "announced_version")
    op.drop_column("stock_levels", "buckets")
