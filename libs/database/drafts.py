"""How a drafted migration looks."""

from alembic.autogenerate import render_python_code
from alembic.operations.ops import MigrationScript


class MigrationsError(Exception):
    """The migrations of a service cannot be run as asked."""


def slug(message: str) -> str:
    """Return the part of a migration's file name that says what it does."""
    words = "".join(letter if letter.isalnum() else " " for letter in message.lower()).split()
    return "_".join(words)


def render(script: MigrationScript, message: str, revision: str, last: str | None) -> str:
    """Return the text of the migration.

    Raises:
        MigrationsError: the comparison gave no operations.
    """
    up, down = script.upgrade_ops, script.downgrade_ops
    if up is None or down is None:
        raise MigrationsError("the comparison gave no operations")
    return f'''"""{message[:1].upper()}{message[1:]}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {f'"{last}"' if last else None}


def upgrade() -> None:
    {render_python_code(up)}


def downgrade() -> None:
    {render_python_code(down)}
'''
