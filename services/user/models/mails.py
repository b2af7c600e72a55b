"""The mails of the user service: one row per event that people are told of."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Integer, String, Text, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from libs.database.base import Timestamped
from services.user.models.base import Base


class Mail(Timestamped, Base):
    """A mail: to whom, about what, and how far it came. Neither the address nor the text is kept."""

    __tablename__ = "mails_sent"
    __table_args__ = (
        CheckConstraint(
            "state IN ('waiting', 'preparing', 'handed_over', 'sent', 'dropped', 'given_up')",
            name="state",
        ),
        Index(
            "ix_mails_sent_due",
            "next_attempt_at",
            postgresql_where=text("state IN ('waiting', 'preparing', 'handed_over')"),
        ),
        Index("ix_mails_sent_user_id", "user_id"),
    )

    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    user_id: Mapped[str] = mapped_column(String(40))
    about: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(20), server_default="waiting")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    doubts: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    message_id: Mapped[str | None] = mapped_column(Text)
    last_error: Mapped[str | None] = mapped_column(Text)
