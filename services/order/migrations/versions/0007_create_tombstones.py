"""Create the tombstones of who is forgotten, and the legal hold of what their invoices must say."""

from alembic import op

from libs.erasure.tables import create_tombstones, drop_tombstones

revision = "0007"
down_revision = "0006"

_ADD = (
    "ALTER TABLE orders ADD COLUMN personal_data text NOT NULL DEFAULT 'present'",
    "ALTER TABLE orders ADD COLUMN held_until date",
    # Not checked here but in the next migration, with nobody locked out.
    "ALTER TABLE orders ADD CONSTRAINT ck_orders_personal_data"
    " CHECK (personal_data IN ('present', 'held', 'erased')) NOT VALID",
    "ALTER TABLE orders ADD CONSTRAINT ck_orders_hold_has_an_end"
    " CHECK ((personal_data = 'held') = (held_until IS NOT NULL)) NOT VALID",
    "CREATE INDEX ix_orders_held_until ON orders (held_until) WHERE held_until IS NOT NULL",
)


def upgrade() -> None:
    create_tombstones(op)
    for statement in _ADD:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP COLUMN held_until, DROP COLUMN personal_data")
    drop_tombstones(op)
