"""What customers and staff change about orders that exist: cancel, ship, take back, refund."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from libs.audit.log import AuditLog
from libs.contracts.order import LineQuantity, OrderShipped
from libs.ids import new_id as random_id
from libs.money import Money
from libs.security.principal import Principal
from services.order.domain import requests as rules
from services.order.domain.goods import Pieces
from services.order.domain.saga import Saga
from services.order.domain.states import ShipmentStatus
from services.order.models import Shipment, ShipmentLine
from services.order.repository import OrderDetails, OrderState
from services.order.schemas.requests import (
    CancelRequest,
    PiecesIn,
    RefundRequest,
    ReturnRequest,
    ShipRequest,
)
from services.order.schemas.responses import OrderView, RefundView, ReturnView, ShipmentView
from services.order.service.orders import may_see, not_found
from services.order.service.progress import Cause, Progress
from services.order.service.rows import goods_of, saga_of
from services.order.service.views import (
    order_view,
    refund_views,
    return_views,
    shipment_views,
)

VersionCheck = Callable[[int], None]
"""Compares the version a client saw with the current one; raises when they differ."""

NewId = Callable[[str], str]
"""Names what a request makes: the same for the same key, so that a late repeat finds it instead of making it again."""


@dataclass(frozen=True)
class OrderChanges:
    """The use cases that change an order, inside one transaction and under its row's lock."""

    progress: Progress
    audit: AuditLog

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
        after = rules.cancel(before, reason)
        if after != before:
            # A repeated cancel has reached its goal already, whatever version it names (RFC 9110 section 13.1.1).
            unless_stale(locked.order.version)
            cause = Cause(f"cancelled_by_{_who(caller, locked)}")
            await self.progress.apply(locked, after, cause)
            await self.audit.record("order.cancelled", caller.actor, order_id)
        return order_view(await self._details(order_id))

    async def cancel_lines(
        self,
        caller: Principal,
        order_id: str,
        request: CancelRequest,
        new_id: NewId,
        unless_stale: VersionCheck,
    ) -> OrderView:
        """Call off pieces of a confirmed order that were not shipped; their price and the pieces go back.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
            NotCancellable: it is not confirmed, or fewer pieces are left to ship.
        """
        locked = await self._locked(caller, order_id)
        unless_stale(locked.order.version)
        goods = goods_of(locked, await self.progress.orders.goods(locked.order))
        wanted = _pieces(request.lines or ())
        after = rules.cancel_lines(saga_of(locked), goods, new_id("can"), wanted, request.reason)
        cause = Cause(f"lines_cancelled_by_{_who(caller, locked)}")
        await self.progress.apply(locked, after, cause)
        await self.audit.record(
            "order.lines_cancelled",
            caller.actor,
            order_id,
            pieces=sum(one.quantity for one in wanted),
        )
        return order_view(await self._details(order_id))

    async def ship_order(
        self, caller: Principal, order_id: str, parcel: ShipRequest, unless_stale: VersionCheck
    ) -> tuple[ShipmentView, int]:
        """Record a parcel that left; returns it with the order's new version.

        Raises:
            OrderNotFound: there is none.
            NotShippable: it is not confirmed, not paid, paid back, or not that much is left to ship.
        """
        locked = await self._locked(caller, order_id)
        unless_stale(locked.order.version)
        goods = goods_of(locked, await self.progress.orders.goods(locked.order))
        wanted = None if parcel.lines is None else _pieces(parcel.lines)
        after, packed = rules.ship(saga_of(locked), goods, wanted)
        await self.progress.apply(locked, after, Cause("shipped_by_staff"))
        shipment_id = await self._keep_parcel(order_id, parcel, packed)
        await self.progress.outbox.add(
            OrderShipped(
                order_id=order_id,
                user_id=locked.order.user_id,
                shipment_id=shipment_id,
                carrier=parcel.carrier,
                lines=tuple(LineQuantity(sku=one.sku, quantity=one.quantity) for one in packed),
                complete=after.shipment == ShipmentStatus.SHIPPED,
            ),
            aggregate_version=locked.order.version,
        )
        views = shipment_views(await self._details(order_id))
        return next(one for one in views if one.shipment_id == shipment_id), locked.order.version

    async def return_goods(
        self,
        caller: Principal,
        order_id: str,
        request: ReturnRequest,
        new_id: NewId,
        unless_stale: VersionCheck,
    ) -> tuple[ReturnView, int]:
        """Record pieces that came back; returns it with the order's new version.

        Raises:
            OrderNotFound: there is none.
            NotReturnable: the customer has fewer pieces.
        """
        locked = await self._locked(caller, order_id)
        unless_stale(locked.order.version)
        goods = goods_of(locked, await self.progress.orders.goods(locked.order))
        wanted, return_id = _pieces(request.lines), new_id("ret")
        after = rules.take_back(
            saga_of(locked), goods, return_id, wanted, request.reason, restock=request.restock
        )
        await self.progress.apply(locked, after, Cause("returned_to_staff"))
        await self.audit.record("order.returned", caller.actor, order_id, return_id=return_id)
        views = return_views(await self._details(order_id))
        return next(one for one in views if one.return_id == return_id), locked.order.version

    async def refund_order(
        self,
        caller: Principal,
        order_id: str,
        request: RefundRequest,
        new_id: NewId,
        unless_stale: VersionCheck,
    ) -> tuple[RefundView, int]:
        """Ask payment to return an amount or the price of lines; returns the refund with the order's new version.

        Raises:
            OrderNotFound: there is none.
            NotRefundable: nothing was captured, nothing is left, or the lines were not shipped or are paid back.
            RefundTooLarge: more than what is left.
        """
        locked = await self._locked(caller, order_id)
        unless_stale(locked.order.version)
        refund_id, adjustment_id = new_id("rfd"), new_id("adj")
        after = await self._refunded(locked, request, refund_id, adjustment_id)
        await self.progress.apply(locked, after, Cause("refund_requested"))
        await self.audit.record("order.refund_asked", caller.actor, order_id, refund_id=refund_id)
        views = refund_views(await self._details(order_id))
        return next(
            one for one in views if refund_id == one.refund_id or adjustment_id == one.pays_for
        ), locked.order.version

    async def _refunded(
        self, locked: OrderState, request: RefundRequest, refund_id: str, adjustment_id: str
    ) -> Saga:
        saga, reason = saga_of(locked), request.reason
        if request.lines is None:
            wanted = request.amount
            amount = None if wanted is None else Money(wanted.amount_minor, wanted.currency)
            return rules.request_refund(saga, refund_id, amount, reason)
        goods = goods_of(locked, await self.progress.orders.goods(locked.order))
        return rules.refund_lines(saga, goods, adjustment_id, _pieces(request.lines), reason)

    async def _keep_parcel(
        self, order_id: str, parcel: ShipRequest, packed: Sequence[Pieces]
    ) -> str:
        shipment = Shipment(
            id=random_id("shp"),
            order_id=order_id,
            carrier=parcel.carrier,
            tracking_number=parcel.tracking_number,
        )
        self.progress.orders.add(shipment)
        await self.progress.orders.flush()
        self.progress.orders.add(
            *(
                ShipmentLine(
                    shipment_id=shipment.id, sku=one.sku, order_id=order_id, quantity=one.quantity
                )
                for one in packed
            )
        )
        await self.progress.orders.flush()
        return shipment.id

    async def _locked(self, caller: Principal, order_id: str) -> OrderState:
        locked = await self.progress.orders.locked(order_id)
        if locked is None or not may_see(caller, locked.order):
            raise not_found()
        return locked

    async def _details(self, order_id: str) -> OrderDetails:
        details = await self.progress.orders.details(order_id)
        if details is None:
            raise not_found()
        return details


def _pieces(lines: Sequence[PiecesIn]) -> list[Pieces]:
    return [Pieces(line.sku, line.quantity) for line in lines]


def _who(caller: Principal, locked: OrderState) -> str:
    return "customer" if locked.order.user_id == caller.subject else "staff"
