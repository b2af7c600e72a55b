"""Let pieces come back that were shipped before parcels had lines: such a parcel held everything.

Keeps whoever counts the pieces of an order from refusing the return of one that was shipped by a release of the past.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_GUARD = """
    CREATE OR REPLACE FUNCTION guard_order_pieces() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        sold bigint;
        shipped bigint;
        cancelled bigint;
        returned bigint;
        refunded bigint;
    BEGIN
        SELECT coalesce(sum(quantity), 0) INTO sold FROM order_lines
            WHERE order_id = NEW.order_id AND sku = NEW.sku;
        SELECT {shipped} INTO shipped;
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
_IN_PARCELS = """(SELECT coalesce(sum(quantity), 0) FROM shipment_lines
    WHERE order_id = NEW.order_id AND sku = NEW.sku)"""
_WHOLE_IF_OLD = f"""CASE WHEN EXISTS (
        SELECT FROM orders
        WHERE id = NEW.order_id AND shipment_status = 'shipped' AND parcels = 0
    ) THEN sold ELSE {_IN_PARCELS} END"""


def upgrade() -> None:
    op.execute(_GUARD.format(shipped=_WHOLE_IF_OLD))


def downgrade() -> None:
    op.execute(_GUARD.format(shipped=_IN_PARCELS))
