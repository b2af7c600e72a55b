"""Alembic's entry into the user schema; run by `python -m libs.database upgrade user`."""

from alembic import context

from libs.database.migrations import run_migrations
from services.user.models import Base

run_migrations(context.config, Base.metadata)
