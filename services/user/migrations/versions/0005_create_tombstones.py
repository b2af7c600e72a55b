"""Create the erasures, the services' answers, and the tombstones of who is forgotten."""

import sqlalchemy as sa
from alembic import op

from libs.erasure.tables import create_tombstones, drop_tombstones

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_tombstones(op)
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False, server_default="requested"),
        sa.Column("reason", sa.Text),
        _moment("requested_at", nullable=False, server_default=sa.text("now()")),
        _moment("completed_at"),
        _moment("next_check_at", server_default=sa.text("now()")),
        sa.Column("checks", sa.Integer, nullable=False, server_default="0"),
        sa.Column("receipt_token_hash", sa.LargeBinary, nullable=False),
        sa.Column("receipt", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
        sa.UniqueConstraint("user_id", name="uq_erasures_user_id"),
        sa.CheckConstraint(
            "state IN ('requested', 'held', 'running', 'completed')", name="ck_erasures_state"
        ),
        sa.CheckConstraint(
            "(state = 'held') = (reason IS NOT NULL)", name="ck_erasures_held_because"
        ),
        sa.CheckConstraint(
            "(state = 'completed') = (receipt IS NOT NULL)", name="ck_erasures_receipt"
        ),
    )
    op.create_index(
        "ix_erasures_next_check_at",
        "erasures",
        ["next_check_at"],
        postgresql_where=sa.text("next_check_at IS NOT NULL"),
    )
    op.create_table(
        "erasure_answers",
        sa.Column("erasure_id", sa.String(40), nullable=False),
        sa.Column("service", sa.String(20), nullable=False),
        _moment("answered_at"),
        sa.Column("removed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("retained_until", sa.Date),
        sa.PrimaryKeyConstraint("erasure_id", "service", name="pk_erasure_answers"),
        sa.ForeignKeyConstraint(
            ["erasure_id"],
            ["erasures.id"],
            name="fk_erasure_answers_erasure_id_erasures",
            ondelete="CASCADE",
        ),
    )


def downgrade() -> None:
    op.drop_table("erasure_answers")
    op.drop_table("erasures")
    drop_tombstones(op)


def _moment(name: str, **options: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), **options)  # type: ignore[arg-type]  # Column's own options
