"""What every table of payment's starts from."""

from enum import StrEnum

from sqlalchemy.orm import DeclarativeBase

from libs.database.base import metadata_for_service


def one_of(column: str, words: type[StrEnum]) -> str:
    """Return the condition that a column holds one of the words."""
    return f"{column} IN ({', '.join(repr(word.value) for word in words)})"


class Base(DeclarativeBase):
    """Declares payment's tables."""

    metadata = metadata_for_service()
