"""Runs payment's migrations."""

from alembic import context

from libs.database.migrations import run_migrations
from services.payment.models import Base

run_migrations(context.config, Base.metadata)
