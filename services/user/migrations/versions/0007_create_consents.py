"""Create the consents, append-only, and the exports somebody asked for."""

import sqlalchemy as sa
from alembic import op

from libs.database.bootstrap import roles_of

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("document", sa.String(40), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("given", sa.Boolean, nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        _moment("at", server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name="pk_consents"),
        sa.CheckConstraint("source IN ('web', 'app', 'support')", name="ck_consents_source"),
    )
    op.create_index("ix_consents_user_id", "consents", ["user_id", "document", "id"])
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON consents FROM {roles_of('user')[2]}")
    op.create_table(
        "data_exports",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("user_id", sa.String(40), nullable=False),
        _moment("requested_at", server_default=sa.text("now()")),
        _moment("expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_data_exports"),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["profiles.user_id"],
            name="fk_data_exports_user_id_profiles",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_data_exports_user_id", "data_exports", ["user_id"])


def downgrade() -> None:
    op.drop_table("data_exports")
    op.drop_table("consents")


def _moment(name: str, **options: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, **options)  # type: ignore[arg-type]  # Column's own options
