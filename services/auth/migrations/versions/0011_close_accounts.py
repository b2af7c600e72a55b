"""Tell accounts that their owners closed from those that staff locked."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    _allow_status("'active', 'pending', 'disabled', 'closed'")
    # Until now both were `disabled`; only an erasure ended sessions, one at least, because of it.
    op.execute(
        "UPDATE identities SET status = 'closed' WHERE status = 'disabled' AND id IN"
        " (SELECT user_id FROM refresh_families WHERE revoked_because = 'erasure')"
    )


def downgrade() -> None:
    op.execute("UPDATE identities SET status = 'disabled' WHERE status = 'closed'")
    _allow_status("'active', 'pending', 'disabled'")


def _allow_status(words: str) -> None:
    name = op.f("ck_identities_ck_identities_status")  # as 0001 made it
    op.drop_constraint(name, "identities", type_="check")
    op.create_check_constraint(name, "identities", f"status IN ({words})")
