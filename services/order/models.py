"""The tables of order. Lines, timeline, parcels and adjusted lines are append-only: the application role may not change them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import CHAR, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import BigInteger, Integer, Text, Uuid

from libs.database.base import Timestamped, metadata_for_service
from libs.privacy.columns import EncryptedDocument, formerly, protect_instances

_LIVE = text("order_status IN ('pending', 'confirmed')")


class Base(DeclarativeBase):
    """Declares order's tables."""

    metadata = metadata_for_service()
    type_annotation_map = {str: Text, UUID: Uuid, date: Date, datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's hook


protect_instances(Base)


class Order(Timestamped, Base):
    """One order: the promise, its money and the three states. `version` grows with every change.

    The rates and the shipping rule are those the total was computed with; orders older than these columns have none.
    """

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    home_region: Mapped[str]
    cart_id: Mapped[str]
    cart_version: Mapped[int] = mapped_column(Integer)
    order_status: Mapped[str]
    payment_status: Mapped[str]
    shipment_status: Mapped[str]
    reason: Mapped[str | None]
    stock_returned: Mapped[bool]
    currency: Mapped[str] = mapped_column(CHAR(3))
    subtotal_minor: Mapped[int] = mapped_column(BigInteger)
    shipping_minor: Mapped[int] = mapped_column(BigInteger)
    tax_minor: Mapped[int] = mapped_column(BigInteger)
    tax_included: Mapped[bool]
    rates_version: Mapped[str | None]
    shipping_tax_basis_points: Mapped[int | None] = mapped_column(Integer)
    shipping_flat_minor: Mapped[int | None] = mapped_column(BigInteger)
    shipping_free_from_minor: Mapped[int | None] = mapped_column(BigInteger)
    total_minor: Mapped[int] = mapped_column(BigInteger)
    captured_minor: Mapped[int] = mapped_column(BigInteger)
    refunded_minor: Mapped[int] = mapped_column(BigInteger)
    payment_method: Mapped[str]
    payment_id: Mapped[str | None]
    payment_version: Mapped[int] = mapped_column(Integer)
    return_url: Mapped[str | None]
    action_url: Mapped[str | None]
    action_required_at: Mapped[datetime | None]
    parcels: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    address_id: Mapped[str]
    ship_to: Mapped[dict[str, Any]] = mapped_column(
        "ship_to_sealed", EncryptedDocument("orders.ship_to", plain="ship_to"), nullable=True
    )
    ship_to_plain: Mapped[dict[str, Any] | None] = formerly("ship_to", JSONB())
    personal_data: Mapped[str] = mapped_column(server_default="present")
    """`held`: the customer is forgotten, and the law makes us keep the address as the invoice's until `held_until`."""
    held_until: Mapped[date | None]
    version: Mapped[int] = mapped_column(Integer)
    last_sequence: Mapped[int] = mapped_column(Integer)
    next_check_at: Mapped[datetime | None]
    checks: Mapped[int] = mapped_column(Integer)
    # Goes with the version, not with every write: what is shown under one entity tag stays the same.
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), sort_order=901
    )

    # A write names the version it read, so that no change can be lost; the service raises the version itself.
    __mapper_args__ = {  # noqa: RUF012 - SQLAlchemy's hook
        "version_id_col": version,
        "version_id_generator": False,
        "eager_defaults": True,
    }
    __table_args__ = (
        Index(
            "uq_orders_live_cart", "cart_id", "cart_version", unique=True, postgresql_where=_LIVE
        ),
        Index("ix_orders_user_id_id", "user_id", "id"),
        Index(
            "ix_orders_next_check_at",
            "next_check_at",
            postgresql_where=text("next_check_at IS NOT NULL"),
        ),
        Index(
            "ix_orders_held_until", "held_until", postgresql_where=text("held_until IS NOT NULL")
        ),
        CheckConstraint("personal_data IN ('present', 'held', 'erased')", name="personal_data"),
        CheckConstraint(
            "(personal_data = 'held') = (held_until IS NOT NULL)", name="hold_has_an_end"
        ),
        CheckConstraint(
            "total_minor = subtotal_minor + shipping_minor"
            " + CASE WHEN tax_included THEN 0 ELSE tax_minor END",
            name="total",
        ),
        CheckConstraint(
            "refunded_minor >= 0 AND refunded_minor <= captured_minor"
            " AND captured_minor <= total_minor",
            name="money",
        ),
        CheckConstraint(
            "shipment_status = 'pending' OR order_status = 'confirmed'", name="shipped_confirmed"
        ),
    )


class OrderLine(Base):
    """One immutable line, as it was sold; `tax_minor` is the line's own tax, at its own rate."""

    __tablename__ = "order_lines"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    line_number: Mapped[int] = mapped_column(Integer, primary_key=True)
    sku: Mapped[str]
    title: Mapped[str]
    quantity: Mapped[int] = mapped_column(Integer)
    unit_price_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(CHAR(3))
    price_version: Mapped[int] = mapped_column(Integer)
    tax_basis_points: Mapped[int | None] = mapped_column(Integer)
    tax_minor: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)


class TimelineEntry(Base):
    """One step on one axis: what it was, what it is, which message or request caused it."""

    __tablename__ = "order_timeline"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer, primary_key=True)
    axis: Mapped[str]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    cause: Mapped[str]
    cause_event_id: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Refund(Timestamped, Base):
    """Money asked back once from payment, by this id."""

    __tablename__ = "refunds"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy's hook

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(CHAR(3))
    status: Mapped[str]
    reason: Mapped[str]
    pays_for: Mapped[str | None] = mapped_column(ForeignKey("adjustments.id"))

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("status IN ('requested', 'succeeded', 'failed')", name="status"),
    )


class Shipment(Base):
    """A parcel of an order."""

    __tablename__ = "shipments"

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    carrier: Mapped[str]
    tracking_number: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ShipmentLine(Base):
    """The pieces of one SKU in a parcel. A parcel without lines is older than this table and held everything."""

    __tablename__ = "shipment_lines"

    shipment_id: Mapped[str] = mapped_column(ForeignKey("shipments.id"), primary_key=True)
    sku: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    quantity: Mapped[int] = mapped_column(Integer)

    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)


class Adjustment(Timestamped, Base):
    """Pieces cancelled, returned or refunded at once; only `restock` changes, when product has answered."""

    __tablename__ = "adjustments"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy's hook

    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    kind: Mapped[str]
    reason: Mapped[str]
    refund_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(CHAR(3))
    restock: Mapped[str]

    __table_args__ = (
        CheckConstraint("refund_minor >= 0", name="refund"),
        CheckConstraint("kind IN ('cancellation', 'return', 'refund')", name="kind"),
        CheckConstraint("restock IN ('none', 'requested', 'done')", name="restock"),
    )


class AdjustmentLine(Base):
    """The pieces of one SKU an adjustment is about; of these, `refunded` are paid back."""

    __tablename__ = "adjustment_lines"

    adjustment_id: Mapped[str] = mapped_column(ForeignKey("adjustments.id"), primary_key=True)
    sku: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.id"), index=True)
    quantity: Mapped[int] = mapped_column(Integer)
    refunded: Mapped[int] = mapped_column(Integer)
    amount_minor: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("refunded >= 0 AND refunded <= quantity", name="refunded"),
        CheckConstraint("amount_minor >= 0", name="amount"),
    )
