"""Snapshots of rows, as the rules and the use cases see them: plain, frozen, free of any session."""

from dataclasses import dataclass
from datetime import datetime

from libs.money import Money
from services.payment.domain.states import (
    OPEN,
    OperationState,
    PaymentState,
    Purpose,
    RefundState,
)


def payment_id_of(order_id: str) -> str:
    """Name an order's only payment after the order.

    The provider's keys begin with this name. After a restore to a moment before the payment, the order asks again, and
    a payment with a name of its own would be charged beside the one that was forgotten.
    """
    return f"pay_{order_id.removeprefix('ord_')}"


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment; without amount when it was refused at once, and without owner too when a void came before it.

    The customer's bank is at `redirect_url` while it has to be asked (3-D Secure), and sends them to `return_url`.
    """

    id: str
    order_id: str
    user_id: str | None
    money: Money | None
    payment_method: str | None
    state: PaymentState
    void_requested: bool
    provider_reference: str | None
    decline_reason: str | None
    return_url: str | None
    redirect_url: str | None
    captured_minor: int
    refunded_minor: int
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def requires_action(self) -> bool:
        return self.state is PaymentState.REQUIRES_ACTION

    @property
    def captured(self) -> Money | None:
        return Money(self.captured_minor, self.money.currency) if self.money else None


@dataclass(frozen=True, slots=True)
class Operation:
    """One call to the provider and how often it was tried."""

    key: str
    payment_id: str
    purpose: Purpose
    refund_id: str | None
    money: Money
    state: OperationState
    attempts: int

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund."""

    id: str
    payment_id: str
    money: Money
    reason: str
    state: RefundState
    failure_reason: str | None


@dataclass(frozen=True, slots=True)
class Work:
    """A call this process holds the lease for."""

    payment: Payment
    operation: Operation


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits, and since how many seconds the oldest of it."""

    count: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Balance:
    """Turnover of one account in one currency."""

    account: str
    currency: str
    debit_minor: int
    credit_minor: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries of one currency up to the one with id `last`; `off_minor` is debits less credits."""

    currency: str
    last: int
    entries: int
    off_minor: int


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One entry with the transaction it belongs to."""

    id: int
    transaction_id: str
    payment_id: str
    order_id: str
    purpose: str
    account: str
    side: str
    amount_minor: int
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A stored webhook that waits to be processed."""

    id: int
    provider: str
    provider_event_id: str
    type: str
    body: str
    received_at: datetime
