"""The state an order's process depends on, and which commands it still waits for an answer to.

The commands are a function of the state alone (`outstanding`), so the handler that makes a change and the sweeper that
re-sends after a loss can never disagree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from libs.money import Money
from services.order.domain.states import (
    LIVE,
    Axis,
    OrderStatus,
    PaymentStatus,
    ShipmentStatus,
    require_edge,
)

UNANSWERED = frozenset({PaymentStatus.PENDING, PaymentStatus.UNKNOWN})
VOIDABLE = UNANSWERED | {PaymentStatus.AUTHORIZED}
TAKEN = frozenset(
    {PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED}
)


class Ask(StrEnum):
    """A command to another service that has not been answered yet."""

    AUTHORIZE = "authorize"
    COMMIT_STOCK = "commit_stock"
    CAPTURE = "capture"
    VOID = "void"
    RELEASE_STOCK = "release_stock"
    REFUND = "refund"


class RefundStatus(StrEnum):
    """What payment has told us of one refund."""

    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Outstanding(NamedTuple):
    """One unanswered command; `refund_id` is set for refunds only."""

    ask: Ask
    refund_id: str | None = None


class Change(NamedTuple):
    """One step on one axis."""

    axis: Axis
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Money asked back once; the id is ours, so payment can tell a repeat from a second refund."""

    id: str
    amount_minor: int
    reason: str
    status: RefundStatus = RefundStatus.REQUESTED


@dataclass(frozen=True, slots=True)
class Saga:
    """The part of an order its process depends on. Amounts are minor units of `total.currency`."""

    total: Money
    order: OrderStatus = OrderStatus.PENDING
    payment: PaymentStatus = PaymentStatus.PENDING
    shipment: ShipmentStatus = ShipmentStatus.PENDING
    stock_returned: bool = False
    captured_minor: int = 0
    refunds: tuple[Refund, ...] = ()
    payment_version: int = 0
    reason: str | None = None

    @property
    def refunded_minor(self) -> int:
        return sum(
            refund.amount_minor
            for refund in self.refunds
            if refund.status == RefundStatus.SUCCEEDED
        )

    @property
    def requested_minor(self) -> int:
        return sum(
            refund.amount_minor
            for refund in self.refunds
            if refund.status == RefundStatus.REQUESTED
        )

    @property
    def refundable_minor(self) -> int:
        """What was captured and neither went back nor was asked back."""
        return self.captured_minor - self.refunded_minor - self.requested_minor

    @property
    def is_live(self) -> bool:
        return self.order in LIVE

    def with_order(self, status: OrderStatus) -> "Saga":
        require_edge(Axis.ORDER, self.order, status)
        return replace(self, order=status)

    def with_payment(self, status: PaymentStatus, version: int) -> "Saga":
        require_edge(Axis.PAYMENT, self.payment, status)
        return replace(self, payment=status, payment_version=max(version, self.payment_version))

    def with_refund(self, refund: Refund) -> "Saga":
        return replace(self, refunds=(*self.refunds, refund))

    def closed(self, reason: str) -> "Saga":
        """Fail a live order; one that is closed already keeps its reason."""
        return replace(self.with_order(OrderStatus.FAILED), reason=reason) if self.is_live else self


def changes(before: Saga, after: Saga) -> Iterator[Change]:
    """Yield what differs, one step per axis; a further partial refund counts as a step."""
    if before.payment != after.payment or before.refunded_minor != after.refunded_minor:
        yield Change(Axis.PAYMENT, before.payment, after.payment)
    if before.order != after.order:
        yield Change(Axis.ORDER, before.order, after.order)
    if before.shipment != after.shipment:
        yield Change(Axis.SHIPMENT, before.shipment, after.shipment)


def outstanding(saga: Saga) -> tuple[Outstanding, ...]:
    """Name every command whose answer this order still waits for; none means the order is settled."""
    asks: list[Outstanding] = []
    if saga.order == OrderStatus.PENDING:
        asks.append(Outstanding(Ask.AUTHORIZE if saga.payment in UNANSWERED else Ask.COMMIT_STOCK))
    elif saga.order == OrderStatus.CONFIRMED:
        if saga.payment == PaymentStatus.AUTHORIZED:
            asks.append(Outstanding(Ask.CAPTURE))
    else:
        if saga.payment in VOIDABLE:
            asks.append(Outstanding(Ask.VOID))
        if not saga.stock_returned:
            asks.append(Outstanding(Ask.RELEASE_STOCK))
    asks.extend(
        Outstanding(Ask.REFUND, refund.id)
        for refund in saga.refunds
        if refund.status == RefundStatus.REQUESTED
    )
    return tuple(asks)


def owes_refund(saga: Saga) -> bool:
    """Tell whether a closed order still keeps money nobody has asked back."""
    return not saga.is_live and saga.refundable_minor > 0


def is_settled(saga: Saga) -> bool:
    """Tell whether nothing is left to do, unless a person asks for it."""
    return not outstanding(saga) and not owes_refund(saga)
