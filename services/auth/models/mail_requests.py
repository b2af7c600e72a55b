"""Mails people asked for, and the tokens in them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, String
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.orm import Mapped, mapped_column

from libs.database.base import Timestamped
from libs.privacy.columns import encrypted, formerly
from services.auth.models.base import Base


class MailRequest(Timestamped, Base):
    """A mail somebody asked for; of the token in it, minted at sending, only the hash is kept.

    Without a user it stands for an address nobody has, and does not hold it: asking for one leaves the same traces.
    """

    __tablename__ = "mail_requests"
    __table_args__ = (
        CheckConstraint(
            "purpose IN ('verify_email', 'reset_password', 'change_email', 'tell_old_address')",
            name="purpose",
        ),
        Index("ix_mail_requests_user_id", "user_id"),
        Index("ix_mail_requests_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("identities.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(30))
    email: Mapped[str | None] = encrypted("mail_requests", "email")
    """Where the mail goes, if not to the account's address."""
    email_plain: Mapped[str | None] = formerly("email", CITEXT())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    done_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    token_expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
