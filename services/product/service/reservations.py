"""Holding, selling and giving back an order's pieces; each step may be repeated without a second effect."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from libs.contracts.product import (
    StockCommitRejected,
    StockCommitted,
    StockReleased,
    StockReturned,
)
from libs.messaging.outbox import Outbox
from services.product.domain.reservations import (
    COMMIT_MOVES,
    NOT_SOLD_YET,
    RELEASE_MOVES,
    Line,
    Reservation,
    ReservationState,
    ReservedLine,
    merge_lines,
    must_hold_again,
    require_for_sale,
    require_taken,
    shortages,
)
from services.product.domain.stock import GIVE_BACK_HELD, GIVE_BACK_SOLD, HOLD
from services.product.errors import ReservationNotFound
from services.product.repository.catalogue import CatalogueRepository
from services.product.repository.reservations import ReservationRepository
from services.product.service.announcing import announce_stock
from services.product.service.moving import StockMover


@dataclass(frozen=True)
class Reservations:
    """Use cases on reservations in one transaction. Locks are taken in one order: reservation, then stock."""

    reservations: ReservationRepository
    stock: StockMover
    catalogue: CatalogueRepository
    outbox: Outbox

    async def hold(
        self, order_id: str, currency: str, lines: Sequence[Line], ttl_seconds: float
    ) -> tuple[Reservation, bool]:
        """Hold all lines or none; returns the reservation and whether this call took the pieces.

        The same order with the same lines gets the same answer; a hold that expired is taken anew at today's prices.

        Raises:
            NotForSale: a SKU is unknown, withdrawn or has no price in the currency.
            OutOfStock: fewer pieces are available than asked for.
            ReservationConflict: the order holds other lines.
            ReservationClosed: it was released or rejected before.
        """
        wanted = merge_lines(lines)
        expires_at = await self.reservations.claim(order_id, currency, ttl_seconds)
        if expires_at is not None:
            new = Reservation(order_id, ReservationState.HELD, currency, expires_at, 1, ())
            return await self._take(new, currency, wanted), True
        existing = await self.reservations.lock(order_id)
        if existing is None:
            raise ReservationNotFound("the reservation vanished while it was read; try again")
        if not must_hold_again(existing, currency, wanted):
            return existing, False
        version, expires_at = await self.reservations.set_state(
            order_id, ReservationState.HELD, ttl_seconds=ttl_seconds
        )
        await self.reservations.remove_lines(order_id)
        again = replace(
            existing, state=ReservationState.HELD, version=version, expires_at=expires_at
        )
        return await self._take(again, currency, wanted), True

    async def get(self, order_id: str) -> Reservation:
        """Return an order's reservation.

        Raises:
            ReservationNotFound: there is none.
        """
        found = await self.reservations.get(order_id)
        if found is None:
            raise ReservationNotFound("no reservation was made for this order")
        return found

    async def sell(self, order_id: str) -> None:
        """Sell what the order holds, or what it held if that can be had again; tells the outcome either way."""
        existing = await self._locked_or_closed(order_id, ReservationState.REJECTED)
        if existing is None:
            await self._reject(order_id, 1, "unknown_reservation")
        elif existing.state not in COMMIT_MOVES:
            version, _ = await self.reservations.set_state(order_id, existing.state)
            await self._reject(order_id, version, str(existing.state))
        elif await self._sold(existing):
            version, _ = await self.reservations.set_state(order_id, ReservationState.COMMITTED)
            await self.outbox.add(StockCommitted(order_id=order_id), aggregate_version=version)
        else:
            version, _ = await self.reservations.set_state(order_id, ReservationState.REJECTED)
            await self._reject(order_id, version, "out_of_stock")

    async def release(self, order_id: str) -> Reservation:
        """Give back what the order holds or bought, once; an unknown order is closed, so that a late hold fails."""
        existing = await self._locked_or_closed(order_id, ReservationState.RELEASED)
        version, expires_at = 1, None
        if existing is not None:
            move = RELEASE_MOVES[existing.state]
            if move is not None:
                moved = await self.stock.put(existing.remaining, move)
                await announce_stock(self.outbox, moved.values())
            version, expires_at = await self.reservations.set_state(
                order_id, ReservationState.RELEASED
            )
        await self.outbox.add(StockReleased(order_id=order_id), aggregate_version=version)
        return _released(order_id, existing, version, expires_at)

    async def take_back(
        self, order_id: str, return_id: str, lines: Sequence[Line], reason: str
    ) -> bool:
        """Make returned pieces available again, once per return, and tell so each time.

        Never takes back more than is still sold to the order: after a release that is nothing. Returns False, and
        does nothing, while the order's pieces are not sold yet.
        """
        existing = await self.reservations.lock(order_id)
        if existing is None or existing.state in NOT_SOLD_YET:
            return False
        is_sold = existing.state is ReservationState.COMMITTED
        back = existing.returnable(lines) if is_sold else ()
        if await self.reservations.add_return(order_id, return_id, reason, back):
            moved = await self.stock.put(back, GIVE_BACK_SOLD)
            await announce_stock(self.outbox, moved.values())
        version, _ = await self.reservations.set_state(order_id, existing.state)
        await self.outbox.add(
            StockReturned(order_id=order_id, return_id=return_id), aggregate_version=version
        )
        return True

    async def extend(self, order_id: str, ttl_seconds: float) -> None:
        """Keep a hold for `ttl_seconds` from now; one that is over stays over, and no hold gets shorter."""
        await self.reservations.extend(order_id, ttl_seconds)

    async def expire(self, batch: int) -> int:
        """Give back the pieces of holds whose time is up; returns how many holds that were."""
        order_ids = await self.reservations.expire(batch)
        if order_ids:
            lines = await self.reservations.wanted_by(order_ids)
            moved = await self.stock.put(lines, GIVE_BACK_HELD)
            await announce_stock(self.outbox, moved.values())
        return len(order_ids)

    async def _take(
        self, reservation: Reservation, currency: str, wanted: Sequence[Line]
    ) -> Reservation:
        """Write the lines at today's prices, then take the pieces: the stock rows are locked last and shortest."""
        offers = await self.catalogue.offers([line.sku for line in wanted], currency)
        require_for_sale(wanted, offers)
        reserved = tuple(
            ReservedLine(
                sku=line.sku,
                product_id=offers[line.sku].product_id,
                title=offers[line.sku].title,
                quantity=line.quantity,
                unit_price_minor=price.amount.amount_minor,
                price_version=price.version,
            )
            for line in wanted
            if (price := offers[line.sku].price) is not None
        )
        await self.reservations.add_lines(reservation.order_id, reserved)
        spread = {sku for sku, offer in offers.items() if offer.is_spread}
        moved = await self.stock.take(reservation.order_id, wanted, HOLD, spread)
        require_taken(wanted, moved)
        await announce_stock(self.outbox, moved.values())
        return replace(reservation, lines=reserved)

    async def _sold(self, reservation: Reservation) -> bool:
        move = COMMIT_MOVES[reservation.state]
        if move is None:
            return True
        if not move.available:
            await self.stock.put(reservation.remaining, move)
            return True
        spread = {line.sku for line in reservation.lines if line.bucket}
        moved = await self.stock.take(reservation.order_id, reservation.wanted, move, spread)
        if shortages(reservation.wanted, moved):
            return False
        await announce_stock(self.outbox, moved.values())
        return True

    async def _reject(self, order_id: str, version: int, reason: str) -> None:
        await self.outbox.add(
            StockCommitRejected(order_id=order_id, reason=reason), aggregate_version=version
        )

    async def _locked_or_closed(
        self, order_id: str, tombstone: ReservationState
    ) -> Reservation | None:
        """Lock the order's reservation, or close the order id and return None if it has none."""
        existing = await self.reservations.lock(order_id)
        if existing is None and not await self.reservations.add_tombstone(order_id, tombstone):
            # A hold committed between the two statements: now it can be seen and locked.
            return await self.reservations.lock(order_id)
        return existing


def _released(
    order_id: str, existing: Reservation | None, version: int, expires_at: datetime | None
) -> Reservation:
    if existing is None:
        return Reservation(order_id, ReservationState.RELEASED, None, expires_at, version, ())
    return replace(existing, state=ReservationState.RELEASED, version=version)
