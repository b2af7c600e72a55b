"""Who wants to be forgotten, and which services have answered."""

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.user.models.base import Base


class Erasure(Base):
    """One person's erasure: ids, states and times; of the receipt's token only the hash."""

    __tablename__ = "erasures"
    __table_args__ = (
        CheckConstraint("state IN ('requested', 'held', 'running', 'completed')", name="state"),
        CheckConstraint("(state = 'held') = (reason IS NOT NULL)", name="held_because"),
        CheckConstraint("(state = 'completed') = (receipt IS NOT NULL)", name="receipt"),
        Index(
            "ix_erasures_next_check_at",
            "next_check_at",
            postgresql_where=text("next_check_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(40), unique=True)
    state: Mapped[str] = mapped_column(String(20), server_default="requested")
    reason: Mapped[str | None] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    next_check_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    checks: Mapped[int] = mapped_column(Integer, server_default="0")
    receipt_token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    receipt: Mapped[str | None] = mapped_column(Text)


class ErasureAnswer(Base):
    """What one service has said about an erasure."""

    __tablename__ = "erasure_answers"

    erasure_id: Mapped[str] = mapped_column(
        ForeignKey("erasures.id", ondelete="CASCADE"), primary_key=True
    )
    service: Mapped[str] = mapped_column(String(20), primary_key=True)
    answered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    removed: Mapped[int] = mapped_column(Integer, server_default="0")
    retained_until: Mapped[date | None] = mapped_column(Date)
