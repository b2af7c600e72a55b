"""Create the mails: one row per event that somebody is told of."""

from typing import Final

from alembic import op

revision = "0008"
down_revision = "0007"

_CREATE: Final = (
    """
    CREATE TABLE mails_sent (
        event_id uuid CONSTRAINT pk_mails_sent PRIMARY KEY,
        kind varchar(40) NOT NULL,
        user_id varchar(40) NOT NULL,
        about varchar(80) NOT NULL,
        state varchar(20) NOT NULL DEFAULT 'waiting',
        attempts integer NOT NULL DEFAULT 0,
        doubts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        message_id text,
        last_error text,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT ck_mails_sent_state CHECK (state IN (
            'waiting', 'preparing', 'handed_over', 'sent', 'dropped', 'given_up'))
    )
    """,
    """
    CREATE INDEX ix_mails_sent_due ON mails_sent (next_attempt_at)
        WHERE state IN ('waiting', 'preparing', 'handed_over')
    """,
    "CREATE INDEX ix_mails_sent_user_id ON mails_sent (user_id)",
)


def upgrade() -> None:
    for statement in _CREATE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE mails_sent")
