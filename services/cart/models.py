"""Tables of the cart service: its carts, and what it knows of the catalogue."""

from typing import Any

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.database.base import Timestamped, metadata_for_service


class Base(DeclarativeBase):
    """Base of this service's tables."""

    metadata = metadata_for_service()


class Cart(Timestamped, Base):
    """A cart of a user or of a guest; of the guest's token only the hash is kept."""

    __tablename__ = "carts"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (guest_token_hash IS NULL)", name="has_one_owner"),
        CheckConstraint("status IN ('active', 'merged')", name="status_is_known"),
        Index(
            "uq_carts_one_active_per_user",
            "user_id",
            unique=True,
            postgresql_where=text("status = 'active'"),
        ),
        Index("uq_carts_guest_token_hash", "guest_token_hash", unique=True),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    home_region: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[str | None] = mapped_column(String(40))
    guest_token_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    currency: Mapped[str] = mapped_column(CHAR(3))
    status: Mapped[str] = mapped_column(String(10), server_default="active")
    merged_into: Mapped[str | None] = mapped_column(String(40))
    ordered_version: Mapped[int] = mapped_column(Integer, server_default="0")
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class CartLine(Base):
    """One SKU in a cart."""

    __tablename__ = "cart_lines"
    __table_args__ = (CheckConstraint("quantity BETWEEN 1 AND 99", name="quantity_is_sensible"),)

    cart_id: Mapped[str] = mapped_column(
        ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True
    )
    sku: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(500))
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price_minor: Mapped[int] = mapped_column(BigInteger)
    price_version: Mapped[int] = mapped_column(Integer)


class KnownVariant(Timestamped, Base):
    """The newest state of a variant that product has told; lower versions are ignored."""

    __tablename__ = "known_variants"

    sku: Mapped[str] = mapped_column(String(64), primary_key=True)
    product_id: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(500))
    is_for_sale: Mapped[bool]
    prices: Mapped[dict[str, Any]] = mapped_column(JSONB)
    product_version: Mapped[int] = mapped_column(BigInteger)


class KnownStock(Timestamped, Base):
    """The newest stock of a SKU that product has told; its versions count on their own."""

    __tablename__ = "known_stock"

    sku: Mapped[str] = mapped_column(String(64), primary_key=True)
    available: Mapped[int] = mapped_column(BigInteger)
    stock_version: Mapped[int] = mapped_column(BigInteger)
