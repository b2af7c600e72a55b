"""Copies somebody asked for, and what they agreed to."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    String,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.user.models.base import Base


class DataExport(Base):
    """The right to fetch a copy of everything for a while. The copy is made as it is fetched, and kept nowhere."""

    __tablename__ = "data_exports"
    __table_args__ = (Index("ix_data_exports_user_id", "user_id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("profiles.user_id", ondelete="CASCADE"))
    requested_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Consent(Base):
    """One yes or no, to one version of one document; append-only, and kept as proof when its giver is forgotten."""

    __tablename__ = "consents"
    __table_args__ = (
        CheckConstraint("source IN ('web', 'app', 'support')", name="source"),
        Index("ix_consents_user_id", "user_id", "document", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(40))
    document: Mapped[str] = mapped_column(String(40))
    version: Mapped[str] = mapped_column(String(40))
    given: Mapped[bool] = mapped_column(Boolean)
    source: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
