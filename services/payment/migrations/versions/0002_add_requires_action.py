"""Add the state in which the customer has to act, and void what a refused capture leaves reserved.

A release before this one declines a payment whose capture was refused without voiding it. The trigger refuses that from
now on: the call's lease ends and a process of this release takes it up and voids.
"""

from typing import Final

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATES_BEFORE: Final = (
    "authorizing",
    "outcome_unknown",
    "authorized",
    "declined",
    "capturing",
    "captured",
    "voiding",
    "voided",
    "partially_refunded",
    "refunded",
)
STATES: Final = (*STATES_BEFORE, "requires_action")
CALLS_BEFORE: Final = ("intended", "unknown", "succeeded", "refused")
CALLS: Final = (*CALLS_BEFORE, "waiting")
FIRST_STATES: Final = ("authorizing", "declined", "voided")

KEPT: Final = (
    ("authorizing", "authorized"),
    ("authorizing", "declined"),
    ("authorizing", "outcome_unknown"),
    ("authorizing", "voiding"),
    ("authorizing", "voided"),
    ("outcome_unknown", "authorized"),
    ("outcome_unknown", "declined"),
    ("outcome_unknown", "voiding"),
    ("outcome_unknown", "voided"),
    ("authorized", "capturing"),
    ("authorized", "voiding"),
    ("declined", "voided"),
    ("capturing", "captured"),
    ("capturing", "voiding"),
    ("captured", "partially_refunded"),
    ("captured", "refunded"),
    ("voiding", "voided"),
    ("partially_refunded", "refunded"),
)
EDGES_BEFORE: Final = (*KEPT, ("capturing", "declined"))
EDGES: Final = (
    *KEPT,
    ("authorizing", "requires_action"),
    ("outcome_unknown", "requires_action"),
    ("requires_action", "authorized"),
    ("requires_action", "declined"),
    ("requires_action", "voiding"),
    ("voiding", "declined"),
)

STATE_CHECK: Final = """
CREATE OR REPLACE FUNCTION check_payment_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ({first}) THEN
            RAISE EXCEPTION 'a payment cannot start as %', NEW.state USING ERRCODE = '23514';
        END IF;
    ELSIF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN ({edges}) THEN
        RAISE EXCEPTION 'a payment cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE payments ADD COLUMN return_url text, ADD COLUMN redirect_url text")
    _allow("payments", STATES)
    _allow("provider_operations", CALLS)
    _index_calls(("intended", "unknown", "waiting"))
    _check_edges(EDGES)


def downgrade() -> None:
    _check_edges(EDGES_BEFORE)
    _index_calls(("intended", "unknown"))
    _allow("provider_operations", CALLS_BEFORE)
    _allow("payments", STATES_BEFORE)
    op.execute("ALTER TABLE payments DROP COLUMN return_url, DROP COLUMN redirect_url")


def _allow(table: str, states: tuple[str, ...]) -> None:
    # Not validated at once: that would read the whole table while nobody may write to it.
    name = f"ck_{table}_state_known"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    op.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (state IN ({_words(states)})) NOT VALID"
    )
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def _index_calls(states: tuple[str, ...]) -> None:
    op.execute("DROP INDEX ix_provider_operations_open")
    op.execute(
        "CREATE INDEX ix_provider_operations_open ON provider_operations (next_attempt_at)"
        f" WHERE state IN ({_words(states)})"
    )


def _check_edges(edges: tuple[tuple[str, str], ...]) -> None:
    pairs = ", ".join(f"('{before}', '{after}')" for before, after in edges)
    op.execute(STATE_CHECK.format(first=_words(FIRST_STATES), edges=pairs))


def _words(states: tuple[str, ...]) -> str:
    return ", ".join(f"'{state}'" for state in states)
