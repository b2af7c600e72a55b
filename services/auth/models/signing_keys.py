"""Keys access tokens are signed with."""

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, text
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
