"""Let some pieces of a sold order come back: each return once, and never more than is still sold."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "reservation_lines",
        sa.Column("returned", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_check_constraint(
        op.f("ck_reservation_lines_returned_within_quantity"),
        "reservation_lines",
        "returned BETWEEN 0 AND quantity",
    )
    op.create_table(
        "stock_returns",
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("return_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("pieces", sa.Integer, nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("order_id", "return_id", name="pk_stock_returns"),
        sa.ForeignKeyConstraint(
            ["order_id"], ["reservations.order_id"], name="fk_stock_returns_order_id_reservations"
        ),
        sa.CheckConstraint("pieces >= 0", name=op.f("ck_stock_returns_pieces_not_negative")),
    )


def downgrade() -> None:
    op.drop_table("stock_returns")
    op.drop_constraint(
        op.f("ck_reservation_lines_returned_within_quantity"), "reservation_lines", type_="check"
    )
    op.drop_column("reservation_lines", "returned")
