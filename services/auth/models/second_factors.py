"""What people prove who they are with besides a password."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from libs.database.base import Timestamped
from libs.privacy.columns import encrypted
from services.auth.models.base import Base


class TotpAuthenticator(Timestamped, Base):
    """An app that shows codes (RFC 6238); it counts once a code of it was confirmed. Its secret is sealed."""

    __tablename__ = "totp_authenticators"

    user_id: Mapped[str] = mapped_column(
        ForeignKey("identities.id", ondelete="CASCADE"), primary_key=True
    )
    secret: Mapped[str] = encrypted("totp_authenticators", "secret", row="user_id", was_plain=False)
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """The newest time step whose code was used: no code of it or before works again."""


class RecoveryCode(Base):
    """A code for whoever lost the authenticator: works once; only its hash is kept."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[str] = mapped_column(
        ForeignKey("identities.id", ondelete="CASCADE"), primary_key=True
    )
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class Passkey(Timestamped, Base):
    """A public key whose private half a person's device keeps (WebAuthn level 3)."""

    __tablename__ = "passkeys"
    __table_args__ = (Index("ix_passkeys_user_id", "user_id"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("identities.id", ondelete="CASCADE"))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = encrypted("passkeys", "name", was_plain=False)
    transports: Mapped[list[str]] = mapped_column(ARRAY(Text))
    backed_up: Mapped[bool] = mapped_column(Boolean)
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Challenge(Base):
    """Something to be answered once and soon, found by its hash: the rest of a login, or a passkey's challenge."""

    __tablename__ = "challenges"
    __table_args__ = (
        CheckConstraint(
            "purpose IN ('second_step', 'passkey_registration', 'passkey_login', 'passkey_proof')",
            name="purpose",
        ),
        Index("ix_challenges_expires_at", "expires_at"),
        Index("ix_challenges_user_id", "user_id"),
    )

    challenge_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(30))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("identities.id", ondelete="CASCADE"))
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
