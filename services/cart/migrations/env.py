"""Alembic's entry into the cart schema; run by `python -m libs.database upgrade cart`."""

from alembic import context

from libs.database.migrations import run_migrations
from services.cart.models import Base

run_migrations(context.config, Base.metadata)
