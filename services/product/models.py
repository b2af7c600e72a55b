"""Product's tables. Stock rows sit apart from the catalogue, so that selling never locks a product."""

from datetime import datetime

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.database.base import Timestamped, metadata_for_service

SEARCH_DOCUMENT = (
    "setweight(to_tsvector('english', title), 'A') || "
    "setweight(to_tsvector('english', description), 'B')"
)


class Base(DeclarativeBase):
    """Declares product's tables."""

    metadata = metadata_for_service()


class Category(Timestamped, Base):
    """A node of the category tree; its slug never changes, so that cached listings may show it."""

    __tablename__ = "categories"
    __table_args__ = (CheckConstraint("parent_id <> id", name="not_own_parent"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("categories.id"), index=True)
    home_region: Mapped[str] = mapped_column(Text)


class Product(Timestamped, Base):
    """A product; `version` counts every change of it, its variants and its prices."""

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("status IN ('draft', 'active', 'archived')", name="status_known"),
        Index("ix_products_search", "search", postgresql_using="gin"),
        Index(
            "ix_products_title_trigrams",
            "title",
            postgresql_using="gin",
            postgresql_ops={"title": "gin_trgm_ops"},
        ),
        Index("ix_products_category_id_id", "category_id", "id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    category_id: Mapped[str | None] = mapped_column(ForeignKey("categories.id"))
    version: Mapped[int]
    home_region: Mapped[str] = mapped_column(Text)
    search: Mapped[str] = mapped_column(TSVECTOR, Computed(SEARCH_DOCUMENT, persisted=True))


class Variant(Timestamped, Base):
    """One sellable form of a product. A SKU is never given to another product."""

    __tablename__ = "variants"

    sku: Mapped[str] = mapped_column(Text, primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), index=True)
    title: Mapped[str] = mapped_column(Text)
    position: Mapped[int]


class Price(Timestamped, Base):
    """What a variant costs in one currency now."""

    __tablename__ = "prices"
    __table_args__ = (CheckConstraint("amount_minor >= 0", name="amount_not_negative"),)

    sku: Mapped[str] = mapped_column(ForeignKey("variants.sku"), primary_key=True)
    currency: Mapped[str] = mapped_column(CHAR(3), primary_key=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int]


class ListingPrice(Base):
    """The lowest price of a product per currency, kept with the prices so that a listing sorts by an index."""

    __tablename__ = "listing_prices"
    __table_args__ = (Index("ix_listing_prices_order", "currency", "from_minor", "product_id"),)

    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(CHAR(3), primary_key=True)
    from_minor: Mapped[int] = mapped_column(BigInteger)


class StockLevel(Timestamped, Base):
    """Where the pieces of a SKU are; the checks make overselling and vanishing pieces impossible.

    With `buckets` above zero the SKU is spread: all its pieces are in `stock_buckets`, and none is here.

    No index covers a counter and pages keep room, so that each sale is a heap-only update.
    """

    __tablename__ = "stock_levels"
    __table_args__ = (
        CheckConstraint("available >= 0", name="available_not_negative"),
        CheckConstraint("held >= 0", name="held_not_negative"),
        CheckConstraint("sold >= 0", name="sold_not_negative"),
        CheckConstraint("received = available + held + sold", name="conserved"),
        CheckConstraint("buckets BETWEEN 0 AND 64", name="buckets_known"),
        CheckConstraint("buckets = 0 OR received = 0", name="spread_is_empty"),
        Index("ix_stock_levels_spread", "sku", postgresql_where=text("buckets > 0")),
        {"postgresql_with": {"fillfactor": 70}},
    )

    sku: Mapped[str] = mapped_column(ForeignKey("variants.sku"), primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), index=True)
    received: Mapped[int] = mapped_column(BigInteger)
    available: Mapped[int] = mapped_column(BigInteger)
    held: Mapped[int] = mapped_column(BigInteger)
    sold: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(BigInteger)
    home_region: Mapped[str] = mapped_column(Text)
    buckets: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    announced_version: Mapped[int | None] = mapped_column(BigInteger)


class StockBucket(Timestamped, Base):
    """A part of a hot SKU's pieces, under the same checks. A bucket's row stays for ever, because lines refer to it."""

    __tablename__ = "stock_buckets"
    __table_args__ = (
        CheckConstraint("bucket BETWEEN 1 AND 64", name="bucket_known"),
        CheckConstraint("available >= 0", name="available_not_negative"),
        CheckConstraint("held >= 0", name="held_not_negative"),
        CheckConstraint("sold >= 0", name="sold_not_negative"),
        CheckConstraint("received = available + held + sold", name="conserved"),
        {"postgresql_with": {"fillfactor": 50}},
    )

    sku: Mapped[str] = mapped_column(ForeignKey("stock_levels.sku"), primary_key=True)
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    received: Mapped[int] = mapped_column(BigInteger)
    available: Mapped[int] = mapped_column(BigInteger)
    held: Mapped[int] = mapped_column(BigInteger)
    sold: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(BigInteger)


class StockAdjustment(Base):
    """One line of the stock ledger: pieces that came or went. Lines are only ever added."""

    __tablename__ = "stock_adjustments"
    __table_args__ = (
        CheckConstraint("quantity <> 0", name="quantity_not_zero"),
        Index("ix_stock_adjustments_sku_id", "sku", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("variants.sku"))
    quantity: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    available_after: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now()")
    )


class Reservation(Timestamped, Base):
    """The one reservation of an order; released and rejected rows stay as tombstones."""

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint(
            "state IN ('held', 'committed', 'expired', 'released', 'rejected')", name="state_known"
        ),
        CheckConstraint("state <> 'held' OR expires_at IS NOT NULL", name="held_expires"),
        Index("ix_reservations_due", "expires_at", postgresql_where=text("state = 'held'")),
    )

    order_id: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text)
    currency: Mapped[str | None] = mapped_column(CHAR(3))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    version: Mapped[int]
    home_region: Mapped[str] = mapped_column(Text)


class ReservationLine(Base):
    """Pieces of one SKU an order holds or bought, with the price promised for them.

    Refers to variants and products by value only: variants are never deleted, and a foreign key check would write a
    shared lock into the same hot row for every buyer.
    """

    __tablename__ = "reservation_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("returned BETWEEN 0 AND quantity", name="returned_within_quantity"),
        Index("ix_reservation_lines_sku", "sku"),
    )

    order_id: Mapped[str] = mapped_column(ForeignKey("reservations.order_id"), primary_key=True)
    sku: Mapped[str] = mapped_column(Text, primary_key=True)
    product_id: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    quantity: Mapped[int]
    unit_price_minor: Mapped[int] = mapped_column(BigInteger)
    price_version: Mapped[int]
    returned: Mapped[int] = mapped_column(server_default="0")
    bucket: Mapped[int] = mapped_column(SmallInteger, server_default="0")


class StockReturn(Base):
    """A return that was worked off; its row makes the same return a second time change nothing."""

    __tablename__ = "stock_returns"
    __table_args__ = (CheckConstraint("pieces >= 0", name="pieces_not_negative"),)

    order_id: Mapped[str] = mapped_column(ForeignKey("reservations.order_id"), primary_key=True)
    return_id: Mapped[str] = mapped_column(Text, primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    pieces: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now()")
    )
