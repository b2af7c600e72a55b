"""Keys access tokens are signed with."""

from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.database.base import Timestamped
from services.auth.models.base import Base


class SigningKey(Timestamped, Base):
    """A key this region signs, signed or will sign access tokens with; the private half is encrypted."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        CheckConstraint("status IN ('next', 'current', 'previous', 'retired')", name="status"),
        Index(
            "uq_signing_keys_one_current_per_region",
            "region",
            unique=True,
            postgresql_where=text("status = 'current'"),
        ),
        Index(
            "uq_signing_keys_one_next_per_region",
            "region",
            unique=True,
            postgresql_where=text("status = 'next'"),
        ),
    )

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    region: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(10))
    public_jwk: Mapped[dict[str, str]] = mapped_column(JSONB)
    private_key_encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    """Empty as soon as the key signs no longer."""
    wrapped_by: Mapped[str] = mapped_column(String(10), server_default="secret")
    """`master` for the master key; `secret` in rows from before, sealed under SIGNING_KEY_ENCRYPTION_KEY."""
    signs_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """Empty for a region's first key, which signs since it was made."""
    signed_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
