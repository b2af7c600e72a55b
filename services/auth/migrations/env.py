"""Alembic's entry into the auth schema; run by `python -m libs.database upgrade auth`."""

from alembic import context

from libs.database.migrations import run_migrations
from services.auth.models import Base

run_migrations(context.config, Base.metadata)
