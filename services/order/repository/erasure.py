"""Forgetting somebody: their orders keep what the books need, and under a legal hold what an invoice must say."""

from datetime import date
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.part import Erased, NotYet
from services.order.domain.retention import invoice_kept_until
from services.order.domain.states import OrderStatus, ShipmentStatus
from services.order.models import Order

ERASED_METHOD: Final = "erased"
_BATCH: Final = 500

_unfinished = or_(
    Order.order_status == OrderStatus.PENDING,
    # Settled orders are not looked at again: what still has a date waits for an answer.
    Order.next_check_at.is_not(None),
    (Order.order_status == OrderStatus.CONFIRMED)
    & (Order.shipment_status != ShipmentStatus.SHIPPED),
)


class OpenOrders:
    """Orders that somebody still has something to do with."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count(self, user_id: str) -> int:
        """Count a user's orders that are not finished."""
        counted = await self._session.scalar(
            select(func.count()).select_from(Order).where(Order.user_id == user_id, _unfinished)
        )
        return counted or 0


async def remove_orders(session: AsyncSession, user_id: str) -> Erased | NotYet:
    """Empty a user's orders of what is personal; those that were paid keep what their invoice must say."""
    if count := await OpenOrders(session).count(user_id):
        return NotYet(f"{count} orders are not finished")
    orders = await session.scalars(
        select(Order)
        .where(Order.user_id == user_id, Order.personal_data == "present")
        .with_for_update()
    )
    removed = 0
    for order in orders:
        _empty(order)
        removed += 1
    await session.flush()
    return Erased(removed, await _held_until(session, user_id))


async def end_legal_holds(session: AsyncSession) -> int:
    """Empty the orders whose legal hold has ended, a batch of them; returns how many."""
    over = await session.scalars(
        select(Order)
        .where(Order.personal_data == "held", Order.held_until < func.current_date())
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    ended = over.all()
    for order in ended:
        order.ship_to, order.personal_data, order.held_until = {}, "erased", None
    return len(ended)


def _empty(order: Order) -> None:
    order.return_url = order.action_url = None
    order.payment_method = ERASED_METHOD
    if order.captured_minor:
        order.personal_data = "held"
        order.held_until = invoice_kept_until(order.created_at)
        return
    order.personal_data = "erased"
    order.ship_to = {}


async def _held_until(session: AsyncSession, user_id: str) -> date | None:
    until: date | None = await session.scalar(
        select(func.max(Order.held_until)).where(
            Order.user_id == user_id, Order.personal_data == "held"
        )
    )
    return until
