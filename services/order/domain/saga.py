"""The state an order's process depends on, and which commands it still waits for an answer to.

The commands are a function of the state alone (`outstanding`), so the handler that makes a change and the sweeper that
re-sends after a loss can never disagree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from libs.money import Money
from services.order.domain.goods import Adjustment, Restock
from services.order.domain.states import (
    LIVE,
    Axis,
    OrderStatus,
    PaymentStatus,
    ShipmentStatus,
    require_edge,
)

UNANSWERED = frozenset(
    {PaymentStatus.PENDING, PaymentStatus.REQUIRES_ACTION, PaymentStatus.UNKNOWN}
)
VOIDABLE = UNANSWERED | {PaymentStatus.AUTHORIZED}
TAKEN = frozenset(
    {PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED}
)

COMPENSATION = "order_closed"
"""Reason of the refunds a closed order asks for itself."""


class Ask(StrEnum):
    """A command to another service that has not been answered yet."""

    AUTHORIZE = "authorize"
    COMMIT_STOCK = "commit_stock"
    CAPTURE = "capture"
    VOID = "void"
    RELEASE_STOCK = "release_stock"
    RETURN_STOCK = "return_stock"
    REFUND = "refund"


class RefundStatus(StrEnum):
    """What payment has told us of one refund."""

    REQUESTED = "requested"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Outstanding(NamedTuple):
    """One unanswered command; `about` names the refund, or the adjustment whose pieces go back."""

    ask: Ask
    about: str | None = None


class Change(NamedTuple):
    """One step on one axis."""

    axis: Axis
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Refund:
    """Money asked back once; the id is ours, so payment can tell a repeat from a second refund.

    `pays_for` names the adjustment it pays, None if it pays for no pieces in particular.
    """

    id: str
    amount_minor: int
    reason: str
    status: RefundStatus = RefundStatus.REQUESTED
    pays_for: str | None = None


class Debt(NamedTuple):
    """Money that is due to go back and was not asked back, or was refused `refused` times."""

    amount_minor: int
    reason: str
    pays_for: str | None
    refused: int


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
    adjustments: tuple[Adjustment, ...] = ()
    parcels: int = 0
    payment_version: int = 0
    action_url: str | None = None
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
    def left_minor(self) -> int:
        """What was paid, or will be at the capture, and neither went back nor is due to go back."""
        paid = self.captured_minor if self.payment in TAKEN else self.total.amount_minor
        # What a closed order owes for its pieces is part of the whole it pays back.
        owed = sum(one.refund_minor for one in unpaid(self)) if self.is_live else 0
        return paid - self.refunded_minor - self.requested_minor - owed

    @property
    def is_live(self) -> bool:
        return self.order in LIVE

    def with_order(self, status: OrderStatus) -> "Saga":
        require_edge(Axis.ORDER, self.order, status)
        return replace(self, order=status)

    def with_payment(self, status: PaymentStatus, version: int) -> "Saga":
        require_edge(Axis.PAYMENT, self.payment, status)
        version = max(version, self.payment_version)
        return replace(self, payment=status, payment_version=version, action_url=None)

    def with_shipment(self, status: ShipmentStatus) -> "Saga":
        require_edge(Axis.SHIPMENT, self.shipment, status)
        return replace(self, shipment=status)

    def with_adjustment(self, adjustment: Adjustment) -> "Saga":
        require_edge(Axis.ORDER, self.order, self.order)
        return replace(self, adjustments=(*self.adjustments, adjustment))

    def has_adjustment(self, adjustment_id: str) -> bool:
        return any(one.id == adjustment_id for one in self.adjustments)

    def with_refund(self, refund: Refund) -> "Saga":
        return replace(self, refunds=(*self.refunds, refund))

    def closed(self, reason: str) -> "Saga":
        """Fail a live order; one that is closed already keeps its reason."""
        return replace(self.with_order(OrderStatus.FAILED), reason=reason) if self.is_live else self


def changes(before: Saga, after: Saga) -> Iterator[Change]:
    """Yield what differs, one step per axis; a further refund, adjustment or parcel counts as a step."""
    if before.payment != after.payment or before.refunded_minor != after.refunded_minor:
        yield Change(Axis.PAYMENT, before.payment, after.payment)
    if before.order != after.order or len(before.adjustments) != len(after.adjustments):
        yield Change(Axis.ORDER, before.order, after.order)
    if before.shipment != after.shipment or before.parcels != after.parcels:
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
        Outstanding(Ask.RETURN_STOCK, adjustment.id)
        for adjustment in saga.adjustments
        if adjustment.restock == Restock.REQUESTED
    )
    asks.extend(
        Outstanding(Ask.REFUND, refund.id)
        for refund in saga.refunds
        if refund.status == RefundStatus.REQUESTED
    )
    return tuple(asks)


def unpaid(saga: Saga) -> tuple[Adjustment, ...]:
    """Name the adjustments whose money was not asked back, or was refused."""
    paid = {refund.pays_for for refund in saga.refunds if refund.status != RefundStatus.FAILED}
    return tuple(one for one in saga.adjustments if one.refund_minor and one.id not in paid)


def debts(saga: Saga) -> tuple[Debt, ...]:
    """Name what has to be asked back now: for each adjustment of a live order, and all that a closed one keeps."""
    left = saga.refundable_minor
    if left <= 0:
        return ()
    if not saga.is_live:
        return (Debt(left, COMPENSATION, None, _refusals(saga, None)),)
    due = []
    for one in unpaid(saga):
        amount = min(one.refund_minor, left)
        left -= amount
        if amount:
            due.append(Debt(amount, one.reason, one.id, _refusals(saga, one.id)))
    return tuple(due)


def is_settled(saga: Saga) -> bool:
    """Tell whether nothing is left to do, unless a person asks for it."""
    return not outstanding(saga) and not debts(saga)


def _refusals(saga: Saga, pays_for: str | None) -> int:
    """Count the refused refunds of one debt; what staff asked for themselves is theirs to ask for again."""
    return sum(
        refund.status == RefundStatus.FAILED
        and refund.pays_for == pays_for
        and (pays_for is not None or refund.reason == COMPENSATION)
        for refund in saga.refunds
    )
