"""The one place where an order changes after it was placed: state, version, timeline, events and commands in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from libs.contracts.message import Amount, Command, Event
from libs.contracts.order import OrderCancelled, OrderConfirmed, OrderFailed
from libs.contracts.payment import AuthorizePayment, CapturePayment, RefundPayment, VoidPayment
from libs.contracts.product import CommitStock, ReleaseStock
from libs.ids import new_id
from libs.messaging.outbox import Outbox
from libs.money import Money
from services.order.domain import saga as rules
from services.order.domain.requests import COMPENSATION, compensate
from services.order.domain.saga import Ask, Outstanding, RefundStatus, Saga
from services.order.domain.states import OrderStatus, PaymentStatus, ShipmentStatus
from services.order.models import Order, Refund, TimelineEntry
from services.order.repository import LockedOrder, OrderRepository


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an order changes: a message type with its id, or a word such as `cancelled_by_customer`."""

    word: str
    event_id: str | None = None


@dataclass(frozen=True)
class Progress:
    """Applies what the domain decided to a locked order.

    `tell` schedules a hint for after the commit, so that waiting requests and streams look again.
    """

    orders: OrderRepository
    outbox: Outbox
    tell: Callable[[str], None]
    resend_seconds: float

    async def apply(self, locked: LockedOrder, after: Saga, cause: Cause) -> bool:
        """Store the step from the order's present state to `after`; False if there is nothing to store."""
        order, before = locked.order, saga_of(locked)
        refused = sum(refund.status == RefundStatus.FAILED for refund in after.refunds)
        if not refused:
            # After a refused refund the sweeper tries again, with growing patience.
            after = compensate(after, new_id("rfd"))
        if after == before:
            return False
        self.orders.advance(order)
        _copy_state(after, order)
        self._keep_refunds(locked, after)
        self.orders.add(*_timeline(order, before, after, cause))
        order.checks = 0
        patience = None if rules.is_settled(after) else self.resend_seconds * 2**refused
        self.orders.schedule(order, patience)
        await self.orders.flush()
        await self._tell_of(order, before, after)
        self.tell(order.id)
        return True

    async def resend(self, locked: LockedOrder) -> int:
        """Send every unanswered command once more; receivers answer a repeat by telling the outcome again."""
        saga = saga_of(locked)
        asks = rules.outstanding(saga)
        for ask in asks:
            await self.send(locked.order, saga, ask)
        return len(asks)

    async def _tell_of(self, order: Order, before: Saga, after: Saga) -> None:
        event = _event(order) if before.order != after.order else None
        if event is not None:
            await self.outbox.add(event, aggregate_version=order.version)
        known = rules.outstanding(before)
        for ask in rules.outstanding(after):
            if ask not in known:
                await self.send(order, after, ask)

    async def send(self, order: Order, saga: Saga, ask: Outstanding) -> None:
        """Send one command."""
        await self.outbox.add(command_for(order, saga, ask), aggregate_version=order.version)

    def _keep_refunds(self, locked: LockedOrder, after: Saga) -> None:
        rows = {refund.id: refund for refund in locked.refunds}
        for refund in after.refunds:
            if refund.id in rows:
                rows[refund.id].status = refund.status
                continue
            self.orders.add(
                Refund(
                    id=refund.id,
                    order_id=locked.order.id,
                    amount_minor=refund.amount_minor,
                    currency=locked.order.currency,
                    status=refund.status,
                    reason=refund.reason,
                )
            )


ProgressOf = Callable[[Any], Progress]
"""Builds a `Progress` in a session; the session's type stays with those who know SQLAlchemy."""


def saga_of(locked: LockedOrder) -> Saga:
    """Read the process state of a locked order."""
    order = locked.order
    return Saga(
        total=Money(order.total_minor, order.currency),
        order=OrderStatus(order.order_status),
        payment=PaymentStatus(order.payment_status),
        shipment=ShipmentStatus(order.shipment_status),
        stock_returned=order.stock_returned,
        captured_minor=order.captured_minor,
        refunds=_refunds_of(locked.refunds),
        payment_version=order.payment_version,
        reason=order.reason,
    )


def command_for(order: Order, saga: Saga, ask: Outstanding) -> Command:
    """Phrase an unanswered ask as the message its receiver understands."""
    reason = saga.reason or COMPENSATION
    match ask.ask:
        case Ask.AUTHORIZE:
            return AuthorizePayment(
                order_id=order.id,
                user_id=order.user_id,
                home_region=order.home_region,
                amount=Amount.of(saga.total),
                payment_method=order.payment_method,
            )
        case Ask.COMMIT_STOCK:
            return CommitStock(order_id=order.id)
        case Ask.CAPTURE:
            return CapturePayment(order_id=order.id)
        case Ask.VOID:
            return VoidPayment(order_id=order.id, reason=reason)
        case Ask.RELEASE_STOCK:
            return ReleaseStock(order_id=order.id, reason=reason)
        case Ask.REFUND:
            refund = next(one for one in saga.refunds if one.id == ask.refund_id)
            amount = Money(refund.amount_minor, order.currency)
            return RefundPayment(
                order_id=order.id,
                refund_id=refund.id,
                amount=Amount.of(amount),
                reason=refund.reason,
            )


def _refunds_of(rows: Sequence[Refund]) -> tuple[rules.Refund, ...]:
    return tuple(
        rules.Refund(row.id, row.amount_minor, row.reason, RefundStatus(row.status)) for row in rows
    )


def _copy_state(after: Saga, order: Order) -> None:
    order.order_status = after.order
    order.payment_status = after.payment
    order.shipment_status = after.shipment
    order.stock_returned = after.stock_returned
    order.captured_minor = after.captured_minor
    order.refunded_minor = after.refunded_minor
    order.payment_version = after.payment_version
    order.reason = after.reason


def _timeline(order: Order, before: Saga, after: Saga, cause: Cause) -> list[TimelineEntry]:
    entries = []
    for change in rules.changes(before, after):
        order.last_sequence += 1
        entries.append(
            TimelineEntry(
                order_id=order.id,
                sequence=order.last_sequence,
                axis=change.axis,
                from_status=change.before,
                to_status=change.after,
                cause=cause.word,
                cause_event_id=cause.event_id,
            )
        )
    return entries


def _event(order: Order) -> Event:
    reason = order.reason or COMPENSATION
    match OrderStatus(order.order_status):
        case OrderStatus.CONFIRMED:
            total = Amount(amount_minor=order.total_minor, currency=order.currency)
            return OrderConfirmed(order_id=order.id, user_id=order.user_id, total=total)
        case OrderStatus.CANCELLED:
            return OrderCancelled(order_id=order.id, user_id=order.user_id, reason=reason)
        case OrderStatus.PENDING | OrderStatus.FAILED:
            return OrderFailed(order_id=order.id, user_id=order.user_id, reason=reason)
