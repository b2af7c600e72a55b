"""What customers and staff read of orders that exist."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.security.principal import Principal
from services.order.errors import OrderNotFound
from services.order.models import Order
from services.order.repository import OrderRepository
from services.order.schemas.responses import (
    OrderSummary,
    OrderView,
    ReceiptView,
    TimelineView,
)
from services.order.service.views import (
    order_summary,
    order_view,
    receipt_view,
    timeline_entry_view,
)

ADMIN = "orders:admin"


@dataclass(frozen=True)
class OrderService:
    """The use cases that only read, inside one transaction."""

    orders: OrderRepository

    async def get_order(self, caller: Principal, order_id: str) -> OrderView:
        """Read an order of the caller; staff read any.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
        """
        details = await self.orders.details(order_id)
        if details is None or not may_see(caller, details.order):
            raise not_found()
        return order_view(details)

    async def get_receipt(self, order_id: str) -> ReceiptView:
        """Read what was sold, for another service.

        Raises:
            OrderNotFound: there is none.
        """
        details = await self.orders.details(order_id)
        if details is None:
            raise OrderNotFound("No order has this id.")
        return receipt_view(details)

    async def list_orders(
        self, caller: Principal, before_id: str | None, limit: int
    ) -> Sequence[OrderSummary]:
        """Read the caller's own orders, newest first."""
        orders = await self.orders.newest_of(caller.subject, before_id, limit)
        return [order_summary(order) for order in orders]

    async def get_timeline(self, caller: Principal, order_id: str) -> TimelineView:
        """Read every step an order took.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
        """
        await self.require_visible(caller, order_id)
        entries = await self.orders.timeline(order_id)
        return TimelineView(
            order_id=order_id, items=[timeline_entry_view(entry) for entry in entries]
        )

    async def require_visible(self, caller: Principal, order_id: str) -> None:
        """Refuse orders the caller may not know of.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
        """
        order = await self.orders.find(order_id)
        if order is None or not may_see(caller, order):
            raise not_found()


def may_see(caller: Principal, order: Order) -> bool:
    """Tell whether the caller may know of an order: its customer, and staff."""
    return order.user_id == caller.subject or caller.has(ADMIN)


def not_found() -> OrderNotFound:
    """Phrase the refusal that does not tell whether the order exists."""
    return OrderNotFound("You have no order with this id.")
