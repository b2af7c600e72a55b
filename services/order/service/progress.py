"""The one place where an order changes after it was placed: state, version, timeline, events and commands in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from libs.contracts.product import ExtendHold
from libs.messaging.outbox import Outbox
from services.order.domain import saga as rules
from services.order.domain.requests import pay_debts
from services.order.domain.saga import Outstanding, Saga
from services.order.domain.states import PaymentStatus
from services.order.models import Order
from services.order.repository import OrderRepository, OrderState
from services.order.service.messages import command_for, event_for
from services.order.service.rows import (
    lines_of_new,
    refund_ids,
    saga_of,
    timeline_of,
    write_adjustments,
    write_refunds,
    write_state,
)


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
    action_hold_seconds: int
    """How long the stock is held for a customer who has to confirm the payment."""

    async def apply(self, locked: OrderState, after: Saga, cause: Cause) -> bool:
        """Store the step from the order's present state to `after`; False if there is nothing to store."""
        order, before = locked.order, saga_of(locked)
        # After a refused refund the sweeper tries again, with growing patience.
        after = pay_debts(after, refund_ids(order.id), tries=1)
        if after == before:
            return False
        self.orders.advance(order)
        write_state(order, after)
        self.orders.add(*timeline_of(order, before, after, cause.word, cause.event_id))
        order.checks = 0
        self.orders.schedule(order, self._patience(after))
        if after.payment == PaymentStatus.REQUIRES_ACTION:
            self.orders.demand_action(order)
        self.orders.add(*write_adjustments(locked, after))
        await self.orders.flush()
        self.orders.add(*lines_of_new(locked, after), *write_refunds(locked, after))
        await self.orders.flush()
        await self._tell_of(order, before, after)
        self.tell(order.id)
        return True

    async def resend(self, locked: OrderState) -> int:
        """Send every unanswered command once more; receivers answer a repeat by telling the outcome again."""
        saga = saga_of(locked)
        asks = rules.outstanding(saga)
        for ask in asks:
            await self.send(locked.order, saga, ask)
        return len(asks)

    async def send(self, order: Order, saga: Saga, ask: Outstanding) -> None:
        """Send one command."""
        await self.outbox.add(command_for(order, saga, ask), aggregate_version=order.version)

    def _patience(self, after: Saga) -> float | None:
        if rules.is_settled(after):
            return None
        refused = max((debt.refused for debt in rules.debts(after)), default=0)
        return self.resend_seconds * float(2**refused)

    async def _tell_of(self, order: Order, before: Saga, after: Saga) -> None:
        event = event_for(order, before, after)
        if event is not None:
            await self.outbox.add(event, aggregate_version=order.version)
        known = rules.outstanding(before)
        for ask in rules.outstanding(after):
            if ask not in known:
                await self.send(order, after, ask)
        if after.action_url is not None and before.action_url is None and after.is_live:
            extend = ExtendHold(order_id=order.id, ttl_seconds=self.action_hold_seconds)
            await self.outbox.add(extend, aggregate_version=order.version)


ProgressOf = Callable[[Any], Progress]
"""Builds a `Progress` in a session; the session's type stays with those who know SQLAlchemy."""
