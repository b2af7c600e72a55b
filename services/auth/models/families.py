"""Logins and the refresh tokens they live on."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from libs.database.base import Timestamped
from libs.security.principal import ACR_PASSWORD
from services.auth.models.base import Base


class RefreshFamily(Timestamped, Base):
    """One login on one device: the truth a session record can be made again from."""

    __tablename__ = "refresh_families"
    __table_args__ = (
        Index("ix_refresh_families_user_id", "user_id"),
        Index("ix_refresh_families_expires_at", "expires_at"),
        Index("ix_refresh_families_login_id", "login_id"),
        Index("ix_refresh_families_revoked_at", "revoked_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(40), unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("identities.id", ondelete="CASCADE"))
    home_region: Mapped[str] = mapped_column(String(20))
    client_id: Mapped[str] = mapped_column(String(100))
    user_agent: Mapped[str] = mapped_column(String(200))
    address_hash: Mapped[bytes] = mapped_column(LargeBinary)
    acr: Mapped[str] = mapped_column(Text, server_default=ACR_PASSWORD)
    amr: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{pwd}")
    auth_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_because: Mapped[str | None] = mapped_column(String(20))
    cookie_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    """Of the cookie a browser holds for this login, if it does."""
    login_id: Mapped[str | None] = mapped_column(
        ForeignKey("refresh_families.id", ondelete="SET NULL")
    )
    """The browser's login a client's session came from."""
    scopes: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """What a client was granted; unset for our own login, which gives whatever the roles give."""
    audience: Mapped[str | None] = mapped_column(String(200))
    """Who the tokens are for; unset for our own API."""


class RefreshToken(Base):
    """One refresh token, of which only the hash is kept."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        CheckConstraint("state IN ('live', 'used', 'void')", name="state"),
        Index(
            "uq_refresh_tokens_one_live_per_family",
            "family_id",
            unique=True,
            postgresql_where=text("state = 'live'"),
        ),
        Index("ix_refresh_tokens_family_id", "family_id"),
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    family_id: Mapped[str] = mapped_column(ForeignKey("refresh_families.id", ondelete="CASCADE"))
    parent_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now()")
    )
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
