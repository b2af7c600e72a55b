"""What people can do with a cart, and what happens to it when something happens elsewhere."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from libs.contracts.cart import CartMerged
from libs.ids import new_id
from libs.messaging.outbox import Outbox
from services.cart.domain import (
    CartWarning,
    Line,
    Offer,
    merged,
    repriced,
    subtotal,
    warnings_of,
    with_added,
    without_ordered,
)
from services.cart.errors import CartClosed, CartNotFound, VariantNotForSale, VariantNotFound
from services.cart.models import Cart
from services.cart.repository import CartRepository, CatalogueRepository, Owner
from services.cart.schemas import (
    AmountView,
    CartView,
    LineView,
    NewItem,
    OpenedCart,
    WarningView,
)

GUEST_TOKEN_BYTES = 32

VersionCheck = Callable[[int], None]
"""Compares the version a client saw with the current one; raises when they differ."""


def guest_owner(token: str) -> Owner:
    """Return the owner a guest's cart token stands for."""
    return Owner(None, hashlib.sha256(token.encode()).digest())


@dataclass(frozen=True)
class CartService:
    """Use cases of one request or message, inside its transaction."""

    carts: CartRepository
    catalogue: CatalogueRepository
    outbox: Outbox
    region: str

    async def open_cart(self, user: Owner | None, currency: str) -> tuple[OpenedCart, bool]:
        """Open a cart and tell whether it is new; a user with an active cart gets that one."""
        token = None if user else secrets.token_urlsafe(GUEST_TOKEN_BYTES)
        owner = user or guest_owner(token or "")
        cart_id, is_new = await self._open(owner, currency)
        view = await self._view(_found(await self.carts.find(cart_id, owner)))
        return OpenedCart(**view.model_dump(), guest_token=token), is_new

    async def get_cart(self, cart_id: str, owner: Owner) -> CartView:
        return await self._view(_found(await self.carts.find(cart_id, owner)))

    async def get_current_cart(self, owner: Owner) -> CartView:
        cart_id = await self.carts.id_of_active(owner)
        if cart_id is None:
            raise CartNotFound("There is no open cart; create one first.")
        return await self.get_cart(cart_id, owner)

    async def currency_of(self, cart_id: str, owner: Owner) -> str:
        return _found(await self.carts.find(cart_id, owner)).currency

    async def add_item(
        self, cart_id: str, owner: Owner, item: NewItem, unless_stale: VersionCheck
    ) -> CartView:
        """Put pieces into the cart at today's price.

        Raises:
            VariantNotForSale: it is not sold now, or not in the cart's currency.
            CartFull: a line or the cart has reached its limit.
        """
        cart = await self._open_for_change(cart_id, owner, unless_stale)
        offer = (await self.catalogue.offers([item.sku], cart.currency)).get(item.sku)
        if offer is None:
            raise VariantNotForSale(f"This variant cannot be bought in {cart.currency} now.")
        added = Line(
            item.sku, offer.title, item.quantity, offer.unit_price_minor, offer.price_version
        )
        await self.carts.save(cart, with_added(await self.carts.lines_of(cart.id), added))
        return await self._view(cart)

    async def change_item(
        self, cart_id: str, owner: Owner, sku: str, quantity: int, unless_stale: VersionCheck
    ) -> CartView:
        """Set the pieces of a line; zero removes it."""
        cart = await self._open_for_change(cart_id, owner, unless_stale)
        lines = await self.carts.lines_of(cart.id)
        if sku not in {line.sku for line in lines}:
            raise VariantNotFound("The cart has no line with this SKU.")
        kept = [replace(line, quantity=quantity) if line.sku == sku else line for line in lines]
        await self.carts.save(cart, [line for line in kept if line.quantity > 0])
        return await self._view(cart)

    async def reprice(self, cart_id: str, owner: Owner, unless_stale: VersionCheck) -> CartView:
        """Accept today's prices for every line that is for sale."""
        cart = await self._open_for_change(cart_id, owner, unless_stale)
        lines = await self.carts.lines_of(cart.id)
        await self.carts.save(cart, repriced(lines, await self._offers(cart, lines)))
        return await self._view(cart)

    async def merge(self, user: Owner, guest_token: str) -> CartView:
        """Move a guest's lines into the user's cart; done twice it changes nothing more.

        Both rows are locked in the order of their ids, so two merges cannot wait for each other.
        """
        guest = guest_owner(guest_token)
        guest_id = await self.carts.id_of_guest(guest.guest_token_hash or b"")
        if guest_id is None:
            raise CartNotFound("No guest cart belongs to this token.")
        currency = _found(await self.carts.find(guest_id, guest)).currency
        own_id, _ = await self._open(user, currency)
        locked = {
            cart_id: _found(await self.carts.find_locked(cart_id))
            for cart_id in sorted((own_id, guest_id))
        }
        own, theirs = locked[own_id], locked[guest_id]
        if theirs.status != "active":
            if theirs.merged_into != own_id:
                raise CartNotFound("No guest cart belongs to this token.")
            return await self._view(own)
        await self._take_over(own, theirs, user.user_id or "")
        return await self._view(own)

    async def remove_ordered(
        self, cart_id: str, cart_version: int, ordered: Mapping[str, int]
    ) -> None:
        """Take an order's lines out of its cart; pieces added after the order's version stay.

        A second order of the same version follows one that failed: its lines are out already.
        """
        cart = await self.carts.find_locked(cart_id)
        if cart is None or cart_version <= cart.ordered_version:
            return
        lines = await self.carts.lines_of(cart.id)
        rest = [] if cart.version == cart_version else without_ordered(lines, ordered)
        await self.carts.save(cart, rest, ordered_version=cart_version)

    async def _open(self, owner: Owner, currency: str) -> tuple[str, bool]:
        if owner.user_id is not None:
            await self.carts.require_living(owner.user_id)
        cart_id = await self.carts.id_of_active(owner)
        if cart_id is not None:
            return cart_id, False
        new = new_id("crt")
        inserted = await self.carts.open_once(
            {
                "id": new,
                "home_region": owner.home_region or self.region,
                "user_id": owner.user_id,
                "guest_token_hash": owner.guest_token_hash,
                "currency": currency,
            }
        )
        if inserted:
            return new, True
        return await self.carts.id_of_active(owner) or new, False

    async def _take_over(self, own: Cart, guest: Cart, user_id: str) -> None:
        guests_lines = await self.carts.lines_of(guest.id)
        if own.currency != guest.currency:
            offers = await self.catalogue.offers([li.sku for li in guests_lines], own.currency)
            guests_lines = repriced([li for li in guests_lines if li.sku in offers], offers)
        await self.carts.save(own, merged(await self.carts.lines_of(own.id), guests_lines))
        await self.carts.save(guest, [], status="merged", merged_into=own.id)
        await self.outbox.add(
            CartMerged(
                cart_id=own.id,
                guest_cart_id=guest.id,
                user_id=user_id,
                home_region=own.home_region,
            ),
            aggregate_version=own.version,
        )

    async def _open_for_change(
        self, cart_id: str, owner: Owner, unless_stale: VersionCheck
    ) -> Cart:
        cart = _found(await self.carts.find_locked(cart_id, owner))
        if cart.status != "active":
            raise CartClosed("This cart became part of another one at login; use the current cart.")
        unless_stale(cart.version)
        return cart

    async def _offers(self, cart: Cart, lines: list[Line]) -> dict[str, Offer]:
        return await self.catalogue.offers([line.sku for line in lines], cart.currency)

    async def _view(self, cart: Cart) -> CartView:
        lines = await self.carts.lines_of(cart.id)
        offers = await self._offers(cart, lines)
        current = repriced(lines, offers)
        total = subtotal(
            ((line.quantity, line.unit_price_minor) for line in current), cart.currency
        )
        return CartView(
            cart_id=cart.id,
            status=cart.status,
            currency=cart.currency,
            version=cart.version,
            lines=[_line_view(line, offers) for line in lines],
            warnings=[_warning_view(warning) for warning in warnings_of(lines, offers)],
            estimated_subtotal=AmountView(amount_minor=total.amount_minor, currency=total.currency),
            created_at=cart.created_at,
            updated_at=cart.updated_at,
        )


def _found(cart: Cart | None) -> Cart:
    if cart is None:
        raise CartNotFound("None of your carts has this id.")
    return cart


def _line_view(line: Line, offers: Mapping[str, Offer]) -> LineView:
    offer = offers.get(line.sku)
    return LineView(
        sku=line.sku,
        title=line.title,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        price_version=line.price_version,
        current_unit_price_minor=None if offer is None else offer.unit_price_minor,
    )


def _warning_view(warning: CartWarning) -> WarningView:
    return WarningView(code=warning.code, sku=warning.sku, old=warning.old, new=warning.new)
