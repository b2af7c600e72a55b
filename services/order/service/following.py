"""Waiting for an order without holding a database session: hints wake us, and every second we look for ourselves."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from libs.cache.hints import Hints
from libs.database.session import Database
from libs.errors import DomainError
from libs.idempotency.reply import Reply
from libs.web.conditional import NO_STORE
from libs.web.errors import PROBLEM_TYPE, Problem, problem_members
from services.order.domain.states import OrderStatus, PaymentStatus
from services.order.errors import OrderNotPlaced, PaymentDeclined
from services.order.models import Order
from services.order.repository import OrderDetails, OrderRepository
from services.order.schemas.responses import TimelineEntryView
from services.order.service.checkout import accepted
from services.order.service.views import order_view, timeline_entry_view

CHANNEL = "orders"
"""Hints: the key is an order id, published after every commit that changed the order."""

_REREAD_EVERY = 5
"""Streams look without a hint only at every fifth second; a lost hint is rare and a stream is not in a hurry."""


@dataclass(frozen=True)
class Follower:
    """Watches orders for waiting requests and open streams of this process."""

    database: Database
    hints: Hints
    stopping: asyncio.Event

    async def settled(self, order_id: str, seconds: float) -> OrderDetails | None:
        """Return the order once it is no longer pending, or cannot go on without its customer.

        None when the time is over or the process stops.
        """
        ends_at = asyncio.get_running_loop().time() + seconds
        with self.hints.subscribe(CHANNEL).watch(order_id) as watch:
            while True:
                details = await self._details(order_id)
                if details is not None and _is_decided(details.order):
                    return details
                left = ends_at - asyncio.get_running_loop().time()
                if left <= 0 or self.stopping.is_set():
                    return None
                await watch.wait(left)

    async def steps(self, order_id: str, after: int) -> AsyncIterator[TimelineEntryView]:
        """Yield the timeline after a sequence number, then every new step, for as long as it is asked."""
        with self.hints.subscribe(CHANNEL).watch(order_id) as watch:
            while True:
                for entry in await self._timeline(order_id, after):
                    after = entry.sequence
                    yield entry
                for _ in range(_REREAD_EVERY):
                    if await watch.wait(1.0):
                        break

    async def final_reply(self, order_id: str, seconds: float, path: str) -> Reply | None:
        """Wait for the outcome of a placed order: 201 when confirmed, a problem when it came to nothing.

        202 again when the customer has to act first: `next_action` says what.
        """
        details = await self.settled(order_id, seconds)
        if details is None:
            return None
        placed = accepted(order_view(details))
        if details.order.order_status == OrderStatus.PENDING:
            return placed
        if details.order.order_status == OrderStatus.CONFIRMED:
            return Reply(201, placed.body, placed.headers)
        return _problem_reply(_refusal(details), path)

    async def _details(self, order_id: str) -> OrderDetails | None:
        async with self.database.transaction() as session:
            return await OrderRepository(session).details(order_id)

    async def _timeline(self, order_id: str, after: int) -> Sequence[TimelineEntryView]:
        async with self.database.transaction() as session:
            entries = await OrderRepository(session).timeline(order_id, after)
            return [timeline_entry_view(entry) for entry in entries]


def _is_decided(order: Order) -> bool:
    waits_for_customer = order.payment_status == PaymentStatus.REQUIRES_ACTION
    return waits_for_customer or order.order_status != OrderStatus.PENDING


def _refusal(details: OrderDetails) -> DomainError:
    order = details.order
    extensions = {"order_id": order.id, "reason": order.reason}
    if order.reason == "payment_declined":
        return PaymentDeclined(
            "Order again with another payment method; the stock goes back.", extensions=extensions
        )
    return OrderNotPlaced(
        "Nothing was charged for good; look at the order for its reason.", extensions=extensions
    )


def _problem_reply(error: DomainError, path: str) -> Reply:
    """Phrase an error as the stored answer: the claim is completed already, so raising it would not replace that."""
    problem = Problem(**problem_members(error, path))
    return Reply(error.status, problem, {"content-type": PROBLEM_TYPE, "Cache-Control": NO_STORE})
