"""What people told us about themselves, and where they have things sent."""

from sqlalchemy import CHAR, Boolean, CheckConstraint, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from libs.database.base import Timestamped
from libs.privacy.columns import encrypted, formerly
from services.user.models.base import Base


class Profile(Timestamped, Base):
    """What a person told us about themselves; auth owns their credentials and e-mail address."""

    __tablename__ = "profiles"

    user_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    home_region: Mapped[str] = mapped_column(String(20))
    display_name: Mapped[str] = encrypted("profiles", "display_name", row="user_id")
    display_name_plain: Mapped[str | None] = formerly("display_name", String(100))
    locale: Mapped[str] = mapped_column(String(20), server_default="en-US")
    currency: Mapped[str] = mapped_column(CHAR(3), server_default="USD")
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class Address(Timestamped, Base):
    """Where a person has things sent; all but the country is sealed."""

    __tablename__ = "addresses"
    __table_args__ = (
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_is_iso"),
        Index(
            "uq_addresses_one_default_per_user",
            "user_id",
            unique=True,
            postgresql_where=text("is_default"),
        ),
        Index("ix_addresses_user_id", "user_id"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("profiles.user_id", ondelete="CASCADE"))
    home_region: Mapped[str] = mapped_column(String(20))
    recipient: Mapped[str] = encrypted("addresses", "recipient")
    recipient_plain: Mapped[str | None] = formerly("recipient", String(100))
    line1: Mapped[str] = encrypted("addresses", "line1")
    line1_plain: Mapped[str | None] = formerly("line1", String(200))
    line2: Mapped[str | None] = encrypted("addresses", "line2")
    line2_plain: Mapped[str | None] = formerly("line2", String(200))
    city: Mapped[str] = encrypted("addresses", "city")
    city_plain: Mapped[str | None] = formerly("city", String(100))
    region: Mapped[str | None] = encrypted("addresses", "region")
    region_plain: Mapped[str | None] = formerly("region", String(100))
    postal_code: Mapped[str] = encrypted("addresses", "postal_code")
    postal_code_plain: Mapped[str | None] = formerly("postal_code", String(20))
    country: Mapped[str] = mapped_column(CHAR(2))
    phone: Mapped[str | None] = encrypted("addresses", "phone")
    phone_plain: Mapped[str | None] = formerly("phone", String(30))
    is_default: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    version: Mapped[int] = mapped_column(Integer, server_default="1")
