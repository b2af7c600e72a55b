"""The payment, each call to the provider, refunds and the provider's events."""

from datetime import datetime

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from libs.database.base import Timestamped
from services.payment.domain.states import OperationState, PaymentState, Purpose
from services.payment.models.base import Base, one_of


class PaymentRow(Timestamped, Base):
    """The payment of one order. One that was refused or voided before the provider was asked has no amount."""

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("order_id"),
        CheckConstraint(one_of("state", PaymentState), name="state_known"),
        CheckConstraint(
            "state IN ('voided', 'declined') OR (user_id IS NOT NULL AND amount_minor IS NOT NULL"
            " AND currency IS NOT NULL AND payment_method IS NOT NULL)",
            name="complete",
        ),
        CheckConstraint(
            "captured_minor BETWEEN 0 AND coalesce(amount_minor, 0)", name="never_over_captured"
        ),
        CheckConstraint("refunded_minor BETWEEN 0 AND captured_minor", name="never_over_refunded"),
        Index("ix_payments_user_id", "user_id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    order_id: Mapped[str] = mapped_column(Text)
    user_id: Mapped[str | None] = mapped_column(Text)
    home_region: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(CHAR(3))
    payment_method: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    void_requested: Mapped[bool] = mapped_column(server_default=text("false"))
    provider_reference: Mapped[str | None] = mapped_column(Text)
    decline_reason: Mapped[str | None] = mapped_column(Text)
    return_url: Mapped[str | None] = mapped_column(Text)
    redirect_url: Mapped[str | None] = mapped_column(Text)
    captured_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    refunded_minor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))


class OperationRow(Timestamped, Base):
    """One call to the provider, recorded before it is made; its key is the provider's idempotency key."""

    __tablename__ = "provider_operations"
    __table_args__ = (
        CheckConstraint(one_of("purpose", Purpose), name="purpose_known"),
        CheckConstraint(one_of("state", OperationState), name="state_known"),
        CheckConstraint("(purpose = 'refund') = (refund_id IS NOT NULL)", name="refund_named"),
        Index(
            "ix_provider_operations_open",
            "next_attempt_at",
            postgresql_where=text("state IN ('intended', 'unknown', 'waiting')"),
        ),
        Index("ix_provider_operations_payment_id", "payment_id"),
    )

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"))
    purpose: Mapped[str] = mapped_column(Text)
    refund_id: Mapped[str | None] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(CHAR(3))
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    next_attempt_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_error: Mapped[str | None] = mapped_column(Text)


class RefundRow(Timestamped, Base):
    """One refund of the order's; its id is the order's."""

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("state IN ('requested', 'succeeded', 'failed')", name="state_known"),
        Index("ix_refunds_payment_id", "payment_id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(CHAR(3))
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    failure_reason: Mapped[str | None] = mapped_column(Text)
    provider_reference: Mapped[str | None] = mapped_column(Text)


class ProviderEventRow(Base):
    """A webhook as it came, stored before it is acknowledged; `payment_id` is known once it was read."""

    __tablename__ = "provider_events"
    __table_args__ = (
        UniqueConstraint("provider_event_id"),
        CheckConstraint(
            "state IN ('pending', 'applied', 'repeated', 'ignored', 'rejected')",
            name="state_known",
        ),
        Index("ix_provider_events_payment_id", "payment_id"),
        Index("ix_provider_events_pending", "id", postgresql_where=text("state = 'pending'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    provider: Mapped[str] = mapped_column(Text, server_default=text("'simulator'"))
    provider_event_id: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, server_default=text("'pending'"))
    note: Mapped[str | None] = mapped_column(Text)
    payment_id: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now()
    )
    processed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
