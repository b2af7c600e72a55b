"""What every table has in common. Tables name no schema: each role's search path pins its own."""

from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.orm import Mapped, mapped_column

NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names that migrations, error handlers and people can predict."""


def metadata_for_service() -> MetaData:
    """Return the metadata a service's `Base` is declared with."""
    return MetaData(naming_convention=NAMING_CONVENTION)


shared_metadata: Final = metadata_for_service()
"""Tables that exist in every schema: outbox, inbox, idempotency keys. Their owners declare them on it."""


class MigrationSteps(Protocol):
    """The part of `alembic.op` that the steps of shared tables use."""

    def execute(self, sqltext: str, /) -> None: ...


class Timestamped:
    """Mixin: when the row was written first and last, by the database's clock."""

    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), sort_order=900
    )
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now(), sort_order=901
    )
