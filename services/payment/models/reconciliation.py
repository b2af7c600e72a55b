"""Reconciliation: runs, the cases they open, and the cases' append-only history."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
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

from services.payment.domain.cases import CaseStatus, Change, RunState, Source
from services.payment.domain.reconciliation import Kind
from services.payment.models.base import Base, one_of


class RunRow(Base):
    """One comparison of a day. At most one is running per provider and day, whoever started it."""

    __tablename__ = "reconciliation_runs"
    __table_args__ = (
        CheckConstraint(one_of("state", RunState), name="state_known"),
        Index(
            "uq_reconciliation_runs_running",
            "provider",
            "day",
            unique=True,
            postgresql_where=text("state = 'running'"),
        ),
        Index("ix_reconciliation_runs_day", "provider", "day"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    provider: Mapped[str] = mapped_column(Text)
    day: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(Text, server_default=text("'running'"))
    lease_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    charges: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    refunds: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    payments: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    breaks: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    opened: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    healed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text)


class CaseRow(Base):
    """A difference somebody has to work; the same difference never makes a second one."""

    __tablename__ = "reconciliation_cases"
    __table_args__ = (
        UniqueConstraint("provider", "kind", "subject"),
        CheckConstraint(one_of("kind", Kind), name="kind_known"),
        CheckConstraint(one_of("source", Source), name="source_known"),
        CheckConstraint(one_of("status", CaseStatus), name="status_known"),
        CheckConstraint("(status = 'resolved') = (resolved_at IS NOT NULL)", name="resolved_once"),
        CheckConstraint("status <> 'assigned' OR owner IS NOT NULL", name="owner_named"),
        Index("ix_reconciliation_cases_status", "status", "opened_at"),
        Index("ix_reconciliation_cases_order_id", "order_id"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    provider: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    day: Mapped[date] = mapped_column(Date)
    payment_id: Mapped[str | None] = mapped_column(Text)
    order_id: Mapped[str | None] = mapped_column(Text)
    provider_reference: Mapped[str | None] = mapped_column(Text)
    ours: Mapped[str] = mapped_column(Text)
    theirs: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default=text("'open'"))
    owner: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    opened_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    resolved_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class CaseChangeRow(Base):
    """One line of a case's history; append-only."""

    __tablename__ = "reconciliation_case_changes"
    __table_args__ = (
        CheckConstraint(one_of("change", Change), name="change_known"),
        Index("ix_reconciliation_case_changes_case_id", "case_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("reconciliation_cases.id"))
    change: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
