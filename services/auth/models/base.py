"""What the tables of the auth service share."""

from sqlalchemy.orm import DeclarativeBase

from libs.database.base import metadata_for_service
from libs.privacy.columns import protect_instances


class Base(DeclarativeBase):
    """Base of this service's tables."""

    metadata = metadata_for_service()


protect_instances(Base)
