"""What customers and staff do with orders that exist: read, cancel, ship, refund."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from libs.contracts.order import OrderShipped
from libs.ids import new_id
from libs.money import Money
from libs.security.principal import Principal
from services.order.domain.requests import cancel, request_refund, ship
from services.order.errors import OrderNotFound
from services.order.models import Order, Shipment
from services.order.repository import LockedOrder, OrderDetails
from services.order.schemas import (
    OrderSummary,
    OrderView,
    RefundRequest,
    RefundView,
    ShipmentView,
    ShipRequest,
    TimelineView,
)
from services.order.service.progress import Cause, Progress, saga_of
from services.order.service.views import (
    order_summary,
    order_view,
    refund_view,
    shipment_view,
    timeline_entry_view,
)

ADMIN = "orders:admin"

VersionCheck = Callable[[int], None]
"""Compares the version a client saw with the current one; raises when they differ."""


@dataclass(frozen=True)
class OrderService:
    """The use cases of existing orders, inside one transaction."""

    progress: Progress

    async def get_order(self, caller: Principal, order_id: str) -> OrderView:
        """Read an order of the caller; staff read any.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
        """
        details = await self.progress.orders.details(order_id)
        return order_view(self._visible(details, caller))

    async def list_orders(
        self, caller: Principal, before_id: str | None, limit: int
    ) -> Sequence[OrderSummary]:
        """Read the caller's own orders, newest first."""
        orders = await self.progress.orders.newest_of(caller.subject, before_id, limit)
        return [order_summary(order) for order in orders]

    async def get_timeline(self, caller: Principal, order_id: str) -> TimelineView:
        """Read every step an order took.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
        """
        await self.require_visible(caller, order_id)
        entries = await self.progress.orders.timeline(order_id)
        return TimelineView(
            order_id=order_id, items=[timeline_entry_view(entry) for entry in entries]
        )

    async def require_visible(self, caller: Principal, order_id: str) -> None:
        """Refuse orders the caller may not know of.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
        """
        order = await self.progress.orders.find(order_id)
        if order is None or not _may_see(caller, order):
            raise _not_found()

    async def cancel_order(
        self, caller: Principal, order_id: str, reason: str, unless_stale: VersionCheck
    ) -> OrderView:
        """Call an order off before shipment; money and stock go back. Repeating it changes nothing.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
            NotCancellable: it was shipped, or failed.
        """
        locked = await self._locked(caller, order_id)
        before = saga_of(locked)
        after = cancel(before, reason)
        if after != before:
            # A repeated cancel has reached its goal already, whatever version it names (RFC 9110 section 13.1.1).
            unless_stale(locked.order.version)
            who = "customer" if locked.order.user_id == caller.subject else "staff"
            await self.progress.apply(locked, after, Cause(f"cancelled_by_{who}"))
        return await self.get_order(caller, order_id)

    async def ship_order(
        self, caller: Principal, order_id: str, parcel: ShipRequest, unless_stale: VersionCheck
    ) -> tuple[ShipmentView, int]:
        """Record the parcel that left; returns it with the order's new version.

        Raises:
            OrderNotFound: there is none.
            NotShippable: it is not confirmed, not paid, refunded or shipped already.
        """
        locked = await self._locked(caller, order_id)
        unless_stale(locked.order.version)
        after = ship(saga_of(locked))
        shipment = Shipment(
            id=new_id("shp"),
            order_id=order_id,
            carrier=parcel.carrier,
            tracking_number=parcel.tracking_number,
        )
        self.progress.orders.add(shipment)
        await self.progress.apply(locked, after, Cause("shipped_by_staff"))
        await self.progress.outbox.add(
            OrderShipped(
                order_id=order_id,
                user_id=locked.order.user_id,
                shipment_id=shipment.id,
                carrier=shipment.carrier,
            ),
            aggregate_version=locked.order.version,
        )
        return shipment_view(shipment), locked.order.version

    async def refund_order(
        self, caller: Principal, order_id: str, request: RefundRequest, unless_stale: VersionCheck
    ) -> tuple[RefundView, int]:
        """Ask payment to return an amount; returns the refund with the order's new version.

        Raises:
            OrderNotFound: there is none.
            NotRefundable: nothing was captured, or nothing is left.
            RefundTooLarge: more than what is left.
        """
        locked = await self._locked(caller, order_id)
        unless_stale(locked.order.version)
        wanted = request.amount
        amount = None if wanted is None else Money(wanted.amount_minor, wanted.currency)
        refund_id = new_id("rfd")
        after = request_refund(saga_of(locked), refund_id, amount, request.reason)
        await self.progress.apply(locked, after, Cause("refund_requested"))
        details = self._visible(await self.progress.orders.details(order_id), caller)
        refund = next(one for one in details.refunds if one.id == refund_id)
        return refund_view(refund), locked.order.version

    async def _locked(self, caller: Principal, order_id: str) -> LockedOrder:
        locked = await self.progress.orders.locked(order_id)
        if locked is None or not _may_see(caller, locked.order):
            raise _not_found()
        return locked

    @staticmethod
    def _visible(details: OrderDetails | None, caller: Principal) -> OrderDetails:
        if details is None or not _may_see(caller, details.order):
            raise _not_found()
        return details


def _may_see(caller: Principal, order: Order) -> bool:
    return order.user_id == caller.subject or caller.has(ADMIN)


def _not_found() -> OrderNotFound:
    return OrderNotFound("You have no order with this id.")
