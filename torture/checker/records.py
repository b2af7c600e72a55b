"""Plain records of what a run left behind: the clients' history, the provider's book, the rows of six schemas."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Outcome = Literal["ok", "fail", "info"]
"""Jepsen's words: it happened, it did not, nobody can say (`info`, which is neither of the two)."""


@dataclass(frozen=True)
class Operation:
    """One request of one client with its answer.

    Attributes:
        process: who sent it; a process has one request under way at a time.
        f: what was asked for, such as `place` or `read`.
        value: what was sent: `key`, `order_id`, `cart_id` and the like.
        answer: what came back: `status`, `code`, `order_id`, `version` and the like.
        start: monotonic seconds, comparable within one run.
        end: as `start`; for an unknown outcome when the client stopped waiting.
    """

    process: str
    f: str
    value: Mapping[str, Any]
    outcome: Outcome
    answer: Mapping[str, Any]
    start: float
    end: float


@dataclass(frozen=True)
class Order:
    """A row of order's `orders`; amounts in minor units."""

    id: str
    user_id: str
    cart_id: str
    cart_version: int
    order_status: str
    payment_status: str
    shipment_status: str
    currency: str
    total_minor: int
    captured_minor: int
    refunded_minor: int
    last_sequence: int
    settled: bool = True


@dataclass(frozen=True)
class OrderLine:
    """Pieces an order was for, and how many of them were cancelled or came back."""

    order_id: str
    sku: str
    quantity: int
    given_back: int = 0


@dataclass(frozen=True)
class Step:
    """A row of an order's timeline; `at` by the database's clock."""

    order_id: str
    sequence: int
    axis: str
    before: str | None
    after: str
    cause_event_id: str | None
    at: datetime


@dataclass(frozen=True)
class Refund:
    """A refund order asked for."""

    id: str
    order_id: str
    amount_minor: int
    status: str


@dataclass(frozen=True)
class Payment:
    """A row of payment's `payments`."""

    id: str
    order_id: str
    state: str
    currency: str | None
    captured_minor: int
    refunded_minor: int


@dataclass(frozen=True)
class Entry:
    """A line of the ledger."""

    transaction_id: str
    order_id: str
    purpose: str
    account: str
    side: str
    amount_minor: int
    currency: str


@dataclass(frozen=True)
class Charge:
    """A charge in the provider's own book: the truth about the money."""

    id: str
    order_id: str
    status: str
    currency: str
    amount_minor: int
    captured_minor: int
    refunded_minor: int


@dataclass(frozen=True)
class ProviderRefund:
    """A refund in the provider's own book; `refund_id` is the shop's name for it."""

    id: str
    charge_id: str
    refund_id: str
    amount_minor: int


@dataclass(frozen=True)
class Stock:
    """Where a SKU's pieces are; buckets are summed. `adjusted` is the sum of its ledger."""

    sku: str
    received: int
    available: int
    held: int
    sold: int
    adjusted: int


@dataclass(frozen=True)
class Reserved:
    """One line of an order's reservation."""

    order_id: str
    state: str
    sku: str
    quantity: int
    returned: int = 0


@dataclass(frozen=True)
class Message:
    """A row of some service's outbox.

    Attributes:
        order_id: empty where the message is about something else.
        readers: the services that must receive it.
        detail: what tells it from others of its type about the same subject, such as a refund's id.
    """

    id: str
    service: str
    type: str
    subject: str
    order_id: str
    causation_id: str | None
    created_at: datetime
    published: bool
    readers: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Received:
    """A row of some service's inbox."""

    service: str
    event_id: str
    type: str
    status: str


@dataclass(frozen=True)
class Evidence:
    """Everything the verdict is made of."""

    history: list[Operation] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    lines: list[OrderLine] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    charges: list[Charge] = field(default_factory=list)
    provider_refunds: list[ProviderRefund] = field(default_factory=list)
    stock: list[Stock] = field(default_factory=list)
    reserved: list[Reserved] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    dead_letters: dict[str, int] = field(default_factory=dict)
    unquiet: list[str] = field(default_factory=list)

    def charges_of(self) -> dict[str, list[Charge]]:
        """Group the provider's charges by order."""
        found: dict[str, list[Charge]] = defaultdict(list)
        for charge in self.charges:
            found[charge.order_id].append(charge)
        return found


@dataclass(frozen=True)
class Violation:
    """A promise that was broken: the rule's name and one sentence with the ids."""

    rule: str
    sentence: str
