"""Check the constraints on legal holds, with nobody locked out."""

from alembic import op

revision = "0008"
down_revision = "0007"

_CONSTRAINTS = ("ck_orders_personal_data", "ck_orders_hold_has_an_end")


def upgrade() -> None:
    for name in _CONSTRAINTS:
        op.execute(f"ALTER TABLE orders VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    """Nothing: the migration before removes them with their columns."""
