"""The ledger's tables; append-only."""

from datetime import datetime

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.payment.domain.ledger import Account, Side
from services.payment.models.base import Base, one_of


class LedgerTransactionRow(Base):
    """One movement of money; append-only. `purpose` is `capture` or `refund:<refund id>`."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        UniqueConstraint("payment_id", "purpose"),
        Index("ix_ledger_transactions_order_id", "order_id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    payment_id: Mapped[str] = mapped_column(ForeignKey("payments.id"))
    order_id: Mapped[str] = mapped_column(Text)
    purpose: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class LedgerEntryRow(Base):
    """One line of a ledger transaction; append-only."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint(one_of("account", Account), name="account_known"),
        CheckConstraint(one_of("side", Side), name="side_known"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index("ix_ledger_entries_transaction_id", "transaction_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    transaction_id: Mapped[str] = mapped_column(ForeignKey("ledger_transactions.id"))
    account: Mapped[str] = mapped_column(Text)
    side: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(CHAR(3))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
