"""Runs product's migrations."""

from alembic import context

from libs.database.migrations import run_migrations
from services.product.models import Base

run_migrations(context.config, Base.metadata)
