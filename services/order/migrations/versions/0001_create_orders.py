"""Create orders, their lines, timeline, refunds and shipments, and the trigger that guards their states."""

from collections.abc import Sequence

from alembic import op

from libs.database.bootstrap import roles_of
from libs.idempotency.tables import create_idempotency_table, drop_idempotency_table
from libs.messaging.tables import create_messaging_tables, drop_messaging_tables

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CREATE = (
    """
    CREATE TABLE orders (
        id text CONSTRAINT pk_orders PRIMARY KEY,
        user_id text NOT NULL,
        home_region text NOT NULL,
        cart_id text NOT NULL,
        cart_version integer NOT NULL,
        order_status text NOT NULL,
        payment_status text NOT NULL,
        shipment_status text NOT NULL,
        reason text,
        stock_returned boolean NOT NULL,
        currency char(3) NOT NULL,
        subtotal_minor bigint NOT NULL,
        shipping_minor bigint NOT NULL,
        tax_minor bigint NOT NULL,
        tax_included boolean NOT NULL,
        total_minor bigint NOT NULL,
        captured_minor bigint NOT NULL,
        refunded_minor bigint NOT NULL,
        payment_method text NOT NULL,
        payment_id text,
        payment_version integer NOT NULL,
        address_id text NOT NULL,
        ship_to jsonb NOT NULL,
        version integer NOT NULL,
        last_sequence integer NOT NULL,
        next_check_at timestamptz,
        checks integer NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT ck_orders_total CHECK (
            total_minor = subtotal_minor + shipping_minor
            + CASE WHEN tax_included THEN 0 ELSE tax_minor END
        ),
        CONSTRAINT ck_orders_money CHECK (
            refunded_minor >= 0 AND refunded_minor <= captured_minor
            AND captured_minor <= total_minor
        ),
        CONSTRAINT ck_orders_shipped_confirmed CHECK (
            shipment_status = 'pending' OR order_status = 'confirmed'
        )
    )
    """,
    """
    CREATE UNIQUE INDEX uq_orders_live_cart ON orders (cart_id, cart_version)
        WHERE order_status IN ('pending', 'confirmed')
    """,
    "CREATE INDEX ix_orders_user_id_id ON orders (user_id, id)",
    """
    CREATE INDEX ix_orders_next_check_at ON orders (next_check_at)
        WHERE next_check_at IS NOT NULL
    """,
    """
    CREATE TABLE order_lines (
        order_id text NOT NULL CONSTRAINT fk_order_lines_order_id_orders REFERENCES orders,
        line_number integer NOT NULL,
        sku text NOT NULL,
        title text NOT NULL,
        quantity integer NOT NULL CONSTRAINT ck_order_lines_quantity CHECK (quantity > 0),
        unit_price_minor bigint NOT NULL,
        currency char(3) NOT NULL,
        price_version integer NOT NULL,
        tax_minor bigint NOT NULL,
        CONSTRAINT pk_order_lines PRIMARY KEY (order_id, line_number)
    )
    """,
    """
    CREATE TABLE order_timeline (
        order_id text NOT NULL CONSTRAINT fk_order_timeline_order_id_orders REFERENCES orders,
        sequence integer NOT NULL,
        axis text NOT NULL,
        from_status text,
        to_status text NOT NULL,
        cause text NOT NULL,
        cause_event_id text,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT pk_order_timeline PRIMARY KEY (order_id, sequence)
    )
    """,
    """
    CREATE TABLE refunds (
        id text CONSTRAINT pk_refunds PRIMARY KEY,
        order_id text NOT NULL CONSTRAINT fk_refunds_order_id_orders REFERENCES orders,
        amount_minor bigint NOT NULL CONSTRAINT ck_refunds_amount CHECK (amount_minor > 0),
        currency char(3) NOT NULL,
        status text NOT NULL CONSTRAINT ck_refunds_status
            CHECK (status IN ('requested', 'succeeded', 'failed')),
        reason text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_refunds_order_id ON refunds (order_id)",
    """
    CREATE TABLE shipments (
        id text CONSTRAINT pk_shipments PRIMARY KEY,
        order_id text NOT NULL CONSTRAINT fk_shipments_order_id_orders REFERENCES orders
            CONSTRAINT uq_shipments_order_id UNIQUE,
        carrier text NOT NULL,
        tracking_number text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    # The same table as services/order/domain/states.py, frozen here; a test compares the two.
    """
    CREATE FUNCTION order_edge_is_legal(axis text, before text, after text) RETURNS boolean
    LANGUAGE sql IMMUTABLE AS $$
        SELECT (axis, before, after) IN (VALUES
            ('order', 'confirmed', 'cancelled'),
            ('order', 'confirmed', 'failed'),
            ('order', 'pending', 'cancelled'),
            ('order', 'pending', 'confirmed'),
            ('order', 'pending', 'failed'),
            ('payment', 'authorized', 'captured'),
            ('payment', 'authorized', 'declined'),
            ('payment', 'authorized', 'voided'),
            ('payment', 'captured', 'partially_refunded'),
            ('payment', 'captured', 'refunded'),
            ('payment', 'declined', 'authorized'),
            ('payment', 'declined', 'captured'),
            ('payment', 'partially_refunded', 'partially_refunded'),
            ('payment', 'partially_refunded', 'refunded'),
            ('payment', 'pending', 'authorized'),
            ('payment', 'pending', 'declined'),
            ('payment', 'pending', 'unknown'),
            ('payment', 'pending', 'voided'),
            ('payment', 'unknown', 'authorized'),
            ('payment', 'unknown', 'declined'),
            ('payment', 'unknown', 'voided'),
            ('payment', 'voided', 'authorized'),
            ('payment', 'voided', 'captured'),
            ('shipment', 'pending', 'shipped')
        )
    $$
    """,
    """
    CREATE FUNCTION guard_order_states() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        step record;
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF (NEW.order_status, NEW.payment_status, NEW.shipment_status)
                <> ('pending', 'pending', 'pending') THEN
                RAISE EXCEPTION 'an order starts pending on every axis'
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END IF;
        FOR step IN
            SELECT * FROM (VALUES
                ('order', OLD.order_status, NEW.order_status),
                ('payment', OLD.payment_status, NEW.payment_status),
                ('shipment', OLD.shipment_status, NEW.shipment_status)
            ) AS steps (axis, before, after)
            WHERE before <> after
        LOOP
            IF NOT order_edge_is_legal(step.axis, step.before, step.after) THEN
                RAISE EXCEPTION '% of order % cannot go from % to %',
                    step.axis, NEW.id, step.before, step.after
                    USING ERRCODE = 'check_violation';
            END IF;
        END LOOP;
        IF NEW.version <= OLD.version AND ROW (NEW.order_status, NEW.payment_status,
            NEW.shipment_status) IS DISTINCT FROM ROW (OLD.order_status, OLD.payment_status,
            OLD.shipment_status) THEN
            RAISE EXCEPTION 'a change of order % must raise its version', NEW.id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER guard_order_states BEFORE INSERT OR UPDATE ON orders
        FOR EACH ROW EXECUTE FUNCTION guard_order_states()
    """,
)

_APPEND_ONLY = ("order_lines", "order_timeline", "shipments")


def upgrade() -> None:
    for statement in _CREATE:
        op.execute(statement)
    app = roles_of("order")[2]
    for table in _APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {app}")
    op.execute(f"REVOKE DELETE ON orders, refunds FROM {app}")
    create_messaging_tables(op)
    create_idempotency_table(op)


def downgrade() -> None:
    drop_idempotency_table(op)
    drop_messaging_tables(op)
    for table in ("shipments", "refunds", "order_timeline", "order_lines", "orders"):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION guard_order_states()")
    op.execute("DROP FUNCTION order_edge_is_legal(text, text, text)")
