"""Who can log in."""

from datetime import datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    DateTime,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CITEXT
from sqlalchemy.orm import Mapped, mapped_column

from libs.database.base import Timestamped
from libs.privacy.columns import BlindIndex, encrypted, formerly
from services.auth.domain.accounts import ACTIVE
from services.auth.models.base import Base


class Identity(Timestamped, Base):
    """Somebody who can log in. Name and address are sealed; a blind index finds the address and keeps it unique."""

    __tablename__ = "identities"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'pending', 'disabled', 'closed')", name="status"),
        UniqueConstraint("email"),
        Index("uq_identities_email_index", "email_index", unique=True),
        Index(
            "ix_identities_waiting",
            "created_at",
            postgresql_where=text("status = 'pending' AND opened_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    email: Mapped[str] = encrypted("identities", "email")
    email_index: Mapped[bytes | None] = mapped_column(
        BlindIndex("identities.email", of="email"), deferred=True
    )
    email_plain: Mapped[str | None] = formerly("email", CITEXT())
    display_name: Mapped[str] = encrypted("identities", "display_name")
    display_name_plain: Mapped[str | None] = formerly("display_name", String(100))
    password_hash: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    status: Mapped[str] = mapped_column(String(20), server_default="active")
    second_factor: Mapped[bool] = mapped_column(Boolean, server_default=false())
    """Whether a code or a passkey is asked for after the password; follows from what is enrolled."""
    email_verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    opened_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Since when somebody can be let in. Releases before this column leave it empty, whatever they open."""
    home_region: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(Integer, server_default="1")

    @property
    def never_open(self) -> bool:
        """Whether nobody was let in yet: then name and password may be a stranger's, and nobody misses the account."""
        return self.status != ACTIVE and self.opened_at is None
