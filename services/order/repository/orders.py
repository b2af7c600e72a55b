"""Queries on orders. Lock order, here and nowhere else: the order's row first; all its other rows are read and written under that lock."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.erasure.tombstones import require_living
from libs.privacy.columns import protected
from services.order.domain.states import LIVE, OrderStatus, PaymentStatus, ShipmentStatus
from services.order.models import (
    Adjustment,
    AdjustmentLine,
    Order,
    OrderLine,
    Refund,
    Shipment,
    ShipmentLine,
    TimelineEntry,
)

Row = Adjustment | AdjustmentLine | OrderLine | Refund | Shipment | ShipmentLine | TimelineEntry
Part = TypeVar("Part", Adjustment, Refund)


@dataclass(frozen=True)
class OrderState:
    """An order with what its process depends on."""

    order: Order
    refunds: Sequence[Refund] = ()
    adjustments: Sequence[Adjustment] = ()
    adjustment_lines: Sequence[AdjustmentLine] = ()


@dataclass(frozen=True)
class OrderGoods:
    """The lines of an order, and the pieces that left."""

    lines: Sequence[OrderLine]
    shipment_lines: Sequence[ShipmentLine] = ()


@dataclass(frozen=True)
class OrderDetails:
    """An order with everything its representation shows."""

    state: OrderState
    goods: OrderGoods
    shipments: Sequence[Shipment] = ()

    @property
    def order(self) -> Order:
        return self.state.order


@dataclass(frozen=True)
class Patience:
    """How long an order may stay pending: for services to answer, and for a customer to confirm the payment."""

    for_answers: timedelta
    for_action: timedelta


@dataclass(frozen=True)
class DueOrder:
    """A locked order whose unanswered commands are due; `too_old` by the database's clock."""

    locked: OrderState
    too_old: bool


class OrderRepository:
    """Reads and writes orders in one session's transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def require_living(self, user_id: str) -> None:
        """Refuse to order for somebody who is forgotten, and keep them from being so meanwhile."""
        await require_living(self._session, user_id)

    async def insert(self, values: Mapping[str, object]) -> Order | None:
        """Insert an order; None if its id is taken, or its cart version by a live order."""
        bound = protected(self._session, Order, str(values["id"]), values)
        statement = upsert(Order).values(bound).on_conflict_do_nothing().returning(Order)
        return (await self._session.scalars(statement)).one_or_none()

    async def exists(self, order_id: str) -> bool:
        found = await self._session.scalar(select(Order.id).where(Order.id == order_id))
        return found is not None

    async def live_order_of_cart(self, cart_id: str, cart_version: int) -> Order | None:
        """Find the one order that claims this version of the cart."""
        query = select(Order).where(
            Order.cart_id == cart_id,
            Order.cart_version == cart_version,
            Order.order_status.in_([str(status) for status in LIVE]),
        )
        return (await self._session.scalars(query)).one_or_none()

    async def find(self, order_id: str) -> Order | None:
        return await self._session.get(Order, order_id)

    async def locked(self, order_id: str) -> OrderState | None:
        """Lock an order's row until the transaction ends; waits for whoever holds it."""
        order = (
            await self._session.scalars(
                select(Order)
                .where(Order.id == order_id)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
        ).one_or_none()
        return None if order is None else await self._state(order)

    async def details(self, order_id: str) -> OrderDetails | None:
        order = await self.find(order_id)
        if order is None:
            return None
        shipments = await self._session.scalars(
            select(Shipment).where(Shipment.order_id == order_id).order_by(Shipment.id)
        )
        return OrderDetails(await self._state(order), await self.goods(order), shipments.all())

    async def goods(self, order: Order) -> OrderGoods:
        """Read the lines of an order and the pieces that left; nothing leaves before the order is confirmed."""
        lines = await self._session.scalars(
            select(OrderLine).where(OrderLine.order_id == order.id).order_by(OrderLine.line_number)
        )
        if order.shipment_status == ShipmentStatus.PENDING:
            return OrderGoods(lines.all())
        shipped = await self._session.scalars(
            select(ShipmentLine)
            .where(ShipmentLine.order_id == order.id)
            .order_by(ShipmentLine.shipment_id, ShipmentLine.sku)
        )
        return OrderGoods(lines.all(), shipped.all())

    async def ids_after(self, order_id: str, limit: int) -> Sequence[str]:
        """Return the ids of the orders placed after another, oldest first: ids grow with time."""
        query = select(Order.id).where(Order.id > order_id).order_by(Order.id).limit(limit)
        return (await self._session.scalars(query)).all()

    async def newest_of(self, user_id: str, before_id: str | None, limit: int) -> Sequence[Order]:
        """Return a customer's orders, newest first: ids grow with time."""
        query = select(Order).where(Order.user_id == user_id).order_by(Order.id.desc())
        if before_id is not None:
            query = query.where(Order.id < before_id)
        return (await self._session.scalars(query.limit(limit))).all()

    async def timeline(self, order_id: str, after: int = 0) -> Sequence[TimelineEntry]:
        query = (
            select(TimelineEntry)
            .where(TimelineEntry.order_id == order_id, TimelineEntry.sequence > after)
            .order_by(TimelineEntry.sequence)
        )
        return (await self._session.scalars(query)).all()

    async def due(self, limit: int, patience: Patience) -> Sequence[DueOrder]:
        """Lock orders whose unanswered commands are due, passing over those somebody else works on."""
        query = (
            select(Order, _gives_up_at(patience) < func.now())
            .where(Order.next_check_at <= func.now())
            .order_by(Order.next_check_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = (await self._session.execute(query)).all()
        return [DueOrder(await self._state(order), bool(too_old)) for order, too_old in rows]

    def advance(self, order: Order) -> None:
        """Count a change that others can see: a new version, of this moment."""
        order.version += 1
        order.updated_at = func.now()

    def schedule(self, order: Order, seconds: float | None) -> None:
        """Set when the order is looked at next, by the database's clock; None when it is settled."""
        order.next_check_at = None if seconds is None else func.now() + timedelta(seconds=seconds)

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Undo the block alone if it fails; the transaction goes on."""
        async with self._session.begin_nested():
            yield

    async def postpone(self, order_id: str, seconds: float) -> None:
        """Look at an order later, whatever else happened to it in this transaction."""
        await self._session.execute(
            update(Order)
            .where(Order.id == order_id)
            .values(next_check_at=func.now() + timedelta(seconds=seconds))
            .execution_options(synchronize_session=False)
        )

    def demand_action(self, order: Order) -> None:
        """Note when the customer was first asked to confirm the payment; asking again gives no more time."""
        if order.action_required_at is None:
            order.action_required_at = func.now()

    def add(self, *rows: Row) -> None:
        """Add rows that belong to an order."""
        self._session.add_all(rows)

    async def flush(self) -> None:
        """Write pending changes now: after it constraint violations have spoken and the times are known."""
        await self._session.flush()

    async def _state(self, order: Order) -> OrderState:
        """Read what can exist: no adjustment before the confirmation, no refund before the capture."""
        if order.order_status == OrderStatus.PENDING:
            return OrderState(order)
        refunds: Sequence[Refund] = ()
        if order.captured_minor:
            refunds = await self._of(Refund, order.id)
        adjustments = await self._of(Adjustment, order.id)
        if not adjustments:
            return OrderState(order, refunds)
        lines = (
            select(AdjustmentLine)
            .where(AdjustmentLine.order_id == order.id)
            .order_by(AdjustmentLine.adjustment_id, AdjustmentLine.sku)
        )
        return OrderState(order, refunds, adjustments, (await self._session.scalars(lines)).all())

    async def _of(self, table: type[Part], order_id: str) -> Sequence[Part]:
        query = select(table).where(table.order_id == order_id).order_by(table.created_at, table.id)
        return (await self._session.scalars(query)).all()


def _gives_up_at(patience: Patience) -> ColumnElement[datetime]:
    """Tell when an order that is still pending is given up; once per order, a customer who has to act gets longer."""
    asked_until = Order.action_required_at + patience.for_action
    return case(
        (
            Order.payment_status == PaymentStatus.REQUIRES_ACTION,
            func.coalesce(asked_until, Order.created_at + patience.for_action),
        ),
        else_=func.coalesce(asked_until, Order.created_at) + patience.for_answers,
    )
