"""Quotes, and placing an order: architecture section 4 in its order, with no transaction open during any call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from libs.contracts.product import ReleaseStock
from libs.database.session import Database
from libs.erasure.tombstones import AccountErased
from libs.flags.flags import Flags
from libs.idempotency.reply import Reply
from libs.idempotency.two_transactions import Claim
from libs.money import Money
from libs.security.principal import Principal
from libs.web.conditional import etag_of
from services.order.clients import Address, Addresses, Cart, Carts, Products
from services.order.domain.pricing import PricedLine, Rates, Totals, price
from services.order.errors import (
    AddressNotFound,
    CartAlreadyOrdered,
    CartChanged,
    CartEmpty,
    CartNotFound,
    CheckoutPaused,
    DestinationNotServed,
    TotalChanged,
)
from services.order.flags import CHECKOUT_OPEN
from services.order.models import Order
from services.order.repository import OrderDetails, OrderGoods, OrderRepository, OrderState
from services.order.schemas.requests import PlaceOrder, QuoteRequest
from services.order.schemas.responses import OrderView, QuoteView
from services.order.service.placement import (
    Placement,
    announce,
    first_step,
    line_rows,
    order_values,
)
from services.order.service.progress import ProgressOf
from services.order.service.views import order_view, quote_view

_NOTHING_COMES_OF_IT: Final = (
    AccountErased,
    AddressNotFound,
    CartAlreadyOrdered,
    CartChanged,
    CartEmpty,
    CartNotFound,
    DestinationNotServed,
    TotalChanged,
)
"""Refusals that free the key: the next attempt has another order id, so what this one holds is of no use to anybody."""


@dataclass(frozen=True)
class Checkout:
    """The use cases that ask other services."""

    database: Database
    progress_of: ProgressOf
    carts: Carts
    addresses: Addresses
    products: Products
    rates: Rates
    flags: Flags
    hold_seconds: int

    async def quote(self, customer: Principal, request: QuoteRequest) -> QuoteView:
        """Price a cart for an address. Nothing is kept: the customer sends the total back with the order.

        Raises:
            CheckoutPaused: the shop takes no orders for the moment.
            CartNotFound: not the customer's cart.
            AddressNotFound: not the customer's address.
            CartEmpty: there is nothing to price.
            VariantUnavailable: a line cannot be bought in this currency.
            DestinationNotServed: we do not deliver there, or not for this currency.
        """
        if self._is_paused():
            raise CheckoutPaused
        cart = _filled(await self.carts.get(customer, request.cart_id))
        address = await self.addresses.get(customer, request.address_id)
        lines = await self.products.price(cart.lines, request.currency or cart.currency)
        totals = price(lines, address.destination, self.rates)
        return quote_view(cart.cart_id, cart.version, totals)

    async def remember(self, claim: Claim, reply: Reply) -> None:
        """Store a quote as the answer of its key."""
        async with self.database.transaction() as session:
            await claim.complete(session, reply)

    async def place_order(
        self, customer: Principal, request: PlaceOrder, claim: Claim
    ) -> OrderView:
        """Place an order under the claim's id: hold the stock, compare the total, then commit all at once.

        Raises:
            CheckoutPaused: the shop takes no orders for the moment, and this one was not under way.
            CartAlreadyOrdered: a live order for this cart version exists.
            CartChanged: the cart has another version now.
            HoldRefused: product could not hold every line.
            TotalChanged: the authoritative total is another one; nothing is held any more.
        """
        may_hold = claim.resumed  # an attempt that stopped half-way may have held
        if self._is_paused() and not claim.resumed:
            await claim.release()  # or the next attempt would count as under way
            raise CheckoutPaused
        try:
            cart = await self._ordered_cart(customer, request)
            address = await self.addresses.get(customer, request.address_id)
            order_id, currency = claim.resource_id, request.expected_total.currency
            may_hold = True
            held = await self.products.hold(order_id, cart.lines, currency, self.hold_seconds)
            totals = self._agreed_totals(request, address, held)
            return await self._commit(
                Placement(order_id, customer, request, address, totals), claim
            )
        except _NOTHING_COMES_OF_IT:
            if may_hold:
                await self._release(claim.resource_id)
            raise

    def _is_paused(self) -> bool:
        return not self.flags.is_on(CHECKOUT_OPEN)

    async def _ordered_cart(self, customer: Principal, request: PlaceOrder) -> Cart:
        await self._refuse_ordered(customer, request)
        cart = _filled(await self.carts.get(customer, request.cart_id))
        if cart.version != request.cart_version:
            raise CartChanged(
                "Look at the cart again and order its current version.",
                extensions={"cart_version": cart.version},
            )
        return cart

    def _agreed_totals(
        self, request: PlaceOrder, address: Address, held: Sequence[PricedLine]
    ) -> Totals:
        totals = price(held, address.destination, self.rates)
        expected = request.expected_total
        if totals.total != Money(expected.amount_minor, expected.currency):
            quote = quote_view(request.cart_id, request.cart_version, totals)
            raise TotalChanged(
                f"The total is {totals.total} now; order again with the new quote's total.",
                extensions={"quote": quote.model_dump(mode="json")},
            )
        return totals

    async def _commit(self, placement: Placement, claim: Claim) -> OrderView:
        async def work(session: Any) -> OrderView:
            progress = self.progress_of(session)
            order = await _insert(progress.orders, placement)
            lines = line_rows(placement)
            progress.orders.add(*lines, first_step(order))
            progress.orders.schedule(order, progress.resend_seconds)
            await progress.orders.flush()
            await announce(progress, order, placement)
            view = order_view(OrderDetails(OrderState(order), OrderGoods(lines)))
            await claim.complete(session, accepted(view))
            return view

        return await self.database.run(work)

    async def _refuse_ordered(self, customer: Principal, request: PlaceOrder) -> None:
        """Name the order that took this cart version, before the changed cart would hide why."""
        async with self.database.transaction() as session:
            taken = await OrderRepository(session).live_order_of_cart(
                request.cart_id, request.cart_version
            )
        if taken is not None and taken.user_id == customer.subject:
            raise _already_ordered(taken.id)

    async def _release(self, order_id: str) -> None:
        # A stalled attempt must not release what the attempt that took over has sold.
        async with self.database.transaction() as session:
            if await OrderRepository(session).exists(order_id):
                return
        if await self.products.release(order_id):
            return
        async with self.database.transaction() as session:
            progress = self.progress_of(session)
            if not await progress.orders.exists(order_id):
                command = ReleaseStock(order_id=order_id, reason="not_placed")
                await progress.outbox.add(command, aggregate_version=1)


def accepted(order: OrderView) -> Reply:
    """Answer that the order exists and is being worked on."""
    return Reply(
        202,
        order,
        {"Location": f"/v1/orders/{order.order_id}", "ETag": etag_of(order.version)},
    )


async def _insert(orders: OrderRepository, placement: Placement) -> Order:
    await orders.require_living(placement.customer.subject)
    order = await orders.insert(order_values(placement))
    if order is not None:
        return order
    request = placement.request
    taken = await orders.live_order_of_cart(request.cart_id, request.cart_version)
    raise _already_ordered(taken.id if taken is not None else placement.order_id)


def _filled(cart: Cart) -> Cart:
    if not cart.lines:
        raise CartEmpty("Put something into the cart first.")
    return cart


def _already_ordered(order_id: str) -> CartAlreadyOrdered:
    return CartAlreadyOrdered(
        "This version of the cart is ordered; look at that order.",
        extensions={"order_id": order_id},
        headers={"Location": f"/v1/orders/{order_id}"},
    )
