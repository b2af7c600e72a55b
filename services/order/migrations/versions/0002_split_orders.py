"""Let parts of an order be cancelled, shipped, returned and refunded, a payment wait for its customer, and keep the rates.

Everything is added: code that knows none of it goes on working. Orders of the past have no rates, and parcels of the past no
lines: such a parcel held everything.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from libs.database.bootstrap import roles_of

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLES = (
    """
    CREATE TABLE shipment_lines (
        shipment_id text NOT NULL
            CONSTRAINT fk_shipment_lines_shipment_id_shipments REFERENCES shipments,
        sku text NOT NULL,
        order_id text NOT NULL CONSTRAINT fk_shipment_lines_order_id_orders REFERENCES orders,
        quantity integer NOT NULL CONSTRAINT ck_shipment_lines_quantity CHECK (quantity > 0),
        CONSTRAINT pk_shipment_lines PRIMARY KEY (shipment_id, sku)
    )
    """,
    "CREATE INDEX ix_shipment_lines_order_id ON shipment_lines (order_id)",
    """
    CREATE TABLE adjustments (
        id text CONSTRAINT pk_adjustments PRIMARY KEY,
        order_id text NOT NULL CONSTRAINT fk_adjustments_order_id_orders REFERENCES orders,
        kind text NOT NULL CONSTRAINT ck_adjustments_kind
            CHECK (kind IN ('cancellation', 'return', 'refund')),
        reason text NOT NULL,
        refund_minor bigint NOT NULL CONSTRAINT ck_adjustments_refund CHECK (refund_minor >= 0),
        currency char(3) NOT NULL,
        restock text NOT NULL CONSTRAINT ck_adjustments_restock
            CHECK (restock IN ('none', 'requested', 'done')),
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_adjustments_order_id ON adjustments (order_id)",
    """
    CREATE TABLE adjustment_lines (
        adjustment_id text NOT NULL
            CONSTRAINT fk_adjustment_lines_adjustment_id_adjustments REFERENCES adjustments,
        sku text NOT NULL,
        order_id text NOT NULL CONSTRAINT fk_adjustment_lines_order_id_orders REFERENCES orders,
        quantity integer NOT NULL CONSTRAINT ck_adjustment_lines_quantity CHECK (quantity > 0),
        refunded integer NOT NULL CONSTRAINT ck_adjustment_lines_refunded
            CHECK (refunded >= 0 AND refunded <= quantity),
        amount_minor bigint NOT NULL CONSTRAINT ck_adjustment_lines_amount
            CHECK (amount_minor >= 0),
        CONSTRAINT pk_adjustment_lines PRIMARY KEY (adjustment_id, sku)
    )
    """,
    "CREATE INDEX ix_adjustment_lines_order_id ON adjustment_lines (order_id)",
)
_EDGES = """
    CREATE OR REPLACE FUNCTION order_edge_is_legal(axis text, before text, after text)
    RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
        SELECT (axis, before, after) IN (VALUES {edges})
    $$
"""
_OLD = """
('order', 'confirmed', 'cancelled'), ('order', 'confirmed', 'failed'),
('order', 'pending', 'cancelled'), ('order', 'pending', 'confirmed'), ('order', 'pending', 'failed'),
('payment', 'authorized', 'captured'), ('payment', 'authorized', 'declined'),
('payment', 'authorized', 'voided'),
('payment', 'captured', 'partially_refunded'), ('payment', 'captured', 'refunded'),
('payment', 'declined', 'authorized'), ('payment', 'declined', 'captured'),
('payment', 'partially_refunded', 'partially_refunded'),
('payment', 'partially_refunded', 'refunded'),
('payment', 'pending', 'authorized'), ('payment', 'pending', 'declined'),
('payment', 'pending', 'unknown'), ('payment', 'pending', 'voided'),
('payment', 'unknown', 'authorized'), ('payment', 'unknown', 'declined'),
('payment', 'unknown', 'voided'),
('payment', 'voided', 'authorized'), ('payment', 'voided', 'captured'),
('shipment', 'pending', 'shipped')
"""
# The same table as services/order/domain/states.py, frozen here; a test compares the two.
_NEW = """
('order', 'confirmed', 'confirmed'),
('payment', 'pending', 'requires_action'), ('payment', 'requires_action', 'authorized'),
('payment', 'requires_action', 'declined'), ('payment', 'requires_action', 'unknown'),
('payment', 'requires_action', 'voided'), ('payment', 'unknown', 'requires_action'),
('shipment', 'partially_shipped', 'partially_shipped'),
('shipment', 'partially_shipped', 'shipped'), ('shipment', 'pending', 'partially_shipped')
"""
# The rows of an order are only added to while the order's row is locked, so the sums see all of them.
_PIECES = """
    CREATE FUNCTION guard_order_pieces() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        sold bigint;
        shipped bigint;
        cancelled bigint;
        returned bigint;
        refunded bigint;
    BEGIN
        SELECT coalesce(sum(quantity), 0) INTO sold FROM order_lines
            WHERE order_id = NEW.order_id AND sku = NEW.sku;
        SELECT coalesce(sum(quantity), 0) INTO shipped FROM shipment_lines
            WHERE order_id = NEW.order_id AND sku = NEW.sku;
        SELECT coalesce(sum(line.quantity) FILTER (WHERE kind = 'cancellation'), 0),
               coalesce(sum(line.quantity) FILTER (WHERE kind = 'return'), 0),
               coalesce(sum(line.refunded), 0)
            INTO cancelled, returned, refunded
            FROM adjustment_lines AS line JOIN adjustments ON adjustments.id = line.adjustment_id
            WHERE line.order_id = NEW.order_id AND line.sku = NEW.sku;
        IF shipped + cancelled > sold OR returned > shipped OR refunded > sold THEN
            RAISE EXCEPTION 'order % has % pieces of %: % shipped, % cancelled, % returned, % refunded',
                NEW.order_id, sold, NEW.sku, shipped, cancelled, returned, refunded
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END
    $$
"""
_GUARDED = ("shipment_lines", "adjustment_lines")
_ORDER_COLUMNS = (
    ("return_url", sa.Text()),
    ("action_url", sa.Text()),
    ("action_required_at", sa.DateTime(timezone=True)),
    ("rates_version", sa.Text()),
    ("shipping_tax_basis_points", sa.Integer()),
    ("shipping_flat_minor", sa.BigInteger()),
    ("shipping_free_from_minor", sa.BigInteger()),
)


def upgrade() -> None:
    for name, type_ in _ORDER_COLUMNS:
        op.add_column("orders", sa.Column(name, type_, nullable=True))
    op.add_column("orders", sa.Column("parcels", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("order_lines", sa.Column("tax_basis_points", sa.Integer(), nullable=True))
    op.drop_constraint("uq_shipments_order_id", "shipments")
    op.execute("CREATE INDEX ix_shipments_order_id ON shipments (order_id)")
    for statement in (*_TABLES, _EDGES.format(edges=_OLD + "," + _NEW), _PIECES):
        op.execute(statement)
    op.add_column("refunds", sa.Column("pays_for", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_refunds_pays_for_adjustments"), "refunds", "adjustments", ["pays_for"], ["id"]
    )
    app = roles_of("order")[2]
    for table in _GUARDED:
        op.execute(
            f"CREATE TRIGGER guard_order_pieces AFTER INSERT ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION guard_order_pieces()"
        )
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {app}")
    op.execute(f"REVOKE DELETE ON adjustments FROM {app}")


def downgrade() -> None:
    op.drop_column("refunds", "pays_for")
    for table in ("adjustment_lines", "adjustments", "shipment_lines"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION guard_order_pieces()")
    op.execute(_EDGES.format(edges=_OLD))
    op.execute("DROP INDEX ix_shipments_order_id")
    op.create_unique_constraint("uq_shipments_order_id", "shipments", ["order_id"])
    op.drop_column("order_lines", "tax_basis_points")
    op.drop_column("orders", "parcels")
    for name, _ in reversed(_ORDER_COLUMNS):
        op.drop_column("orders", name)
