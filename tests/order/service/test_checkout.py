"""What routes cannot show: attempts that stall, and fakes in place of the other services."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import override

from libs.errors import DomainError
from libs.idempotency.errors import LeaseLost
from libs.ids import new_id
from libs.money import Money
from libs.security.principal import Principal
from services.order.clients import Address, Cart, Wanted
from services.order.dependencies import build_checkout
from services.order.domain.pricing import PricedLine
from services.order.errors import CartAlreadyOrdered, CartChanged, TotalChanged
from services.order.schemas.requests import MoneyIn, PlaceOrder
from services.order.service.checkout import Checkout
from tests.order.running import Running
from tests.order.shop import ADDRESS, CART, CUSTOMER

PRINCIPAL = Principal(CUSTOMER, frozenset(), "ses", "us-east-1", "web", "token")
REQUEST = PlaceOrder(
    cart_id=CART,
    cart_version=1,
    expected_total=MoneyIn(amount_minor=1599, currency="USD"),
    payment_method="tok_ok",
    address_id=ADDRESS,
)


class Carts:
    async def get(self, _: Principal, cart_id: str) -> Cart:
        return Cart(cart_id, 1, "USD", (Wanted("MUG", 1),))


class Addresses:
    async def get(self, _: Principal, __: str) -> Address:
        names = ("recipient", "line1", "line2", "city", "region", "postal_code", "country")
        return Address(dict.fromkeys(names, "x") | {"country": "US", "region": None})


@dataclass
class Products:
    unit_price: int = 1000
    released: list[str] = field(default_factory=list)

    async def price(self, wanted: Sequence[Wanted], currency: str) -> list[PricedLine]:
        return [
            PricedLine(one.sku, one.sku, one.quantity, Money(self.unit_price, currency), 1)
            for one in wanted
        ]

    async def hold(
        self, _: str, wanted: Sequence[Wanted], currency: str, __: int
    ) -> list[PricedLine]:
        return await self.price(wanted, currency)

    async def release(self, order_id: str) -> bool:
        self.released.append(order_id)
        return True


def claim(order_id: str | None = None, *, lost: bool = False, resumed: bool = False) -> Any:
    async def complete(session: object, reply: object) -> None:
        if lost:
            raise LeaseLost

    return SimpleNamespace(
        resource_id=order_id or new_id("ord"), complete=complete, resumed=resumed
    )


@pytest.fixture
def products() -> Products:
    return Products()


@pytest.fixture
def checkout(running: Running, products: Products) -> Checkout:
    real = build_checkout(running.resources)
    return replace(real, carts=Carts(), addresses=Addresses(), products=products)


async def test_an_attempt_that_lost_its_lease_stores_and_releases_nothing(
    running: Running, checkout: Checkout, products: Products
) -> None:
    with pytest.raises(LeaseLost):
        await checkout.place_order(PRINCIPAL, REQUEST, claim(lost=True))
    assert (await running.sql("SELECT count(*) FROM orders"))[0][0] == 0
    assert (await running.sql("SELECT count(*) FROM outbox_messages"))[0][0] == 0
    assert products.released == []


async def test_a_stalled_attempt_does_not_release_what_its_successor_sold(
    checkout: Checkout, products: Products
) -> None:
    order = await checkout.place_order(PRINCIPAL, REQUEST, claim())
    products.unit_price = 999
    late = REQUEST.model_copy(update={"cart_version": 1})
    with pytest.raises((TotalChanged, CartAlreadyOrdered)):
        await checkout.place_order(PRINCIPAL, late, claim(order.order_id))
    stalled = replace(checkout, carts=_CartOfVersion(2))
    with pytest.raises(TotalChanged):
        await stalled.place_order(
            PRINCIPAL, REQUEST.model_copy(update={"cart_version": 2}), claim(order.order_id)
        )
    assert products.released == []


async def test_a_taken_order_id_is_told_as_the_order_it_is(
    checkout: Checkout, products: Products
) -> None:
    order = await checkout.place_order(PRINCIPAL, REQUEST, claim())
    other = replace(checkout, carts=_CartOfVersion(2))
    with pytest.raises(CartAlreadyOrdered) as refused:
        await other.place_order(
            PRINCIPAL, REQUEST.model_copy(update={"cart_version": 2}), claim(order.order_id)
        )
    assert refused.value.extensions == {"order_id": order.order_id}
    assert products.released == []


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize("refusal", [CartChanged, CartAlreadyOrdered])
async def test_a_refused_attempt_releases_what_the_one_it_resumes_may_have_held(
    checkout: Checkout, products: Products, refusal: type[DomainError], *, resumed: bool
) -> None:
    request = REQUEST
    if refusal is CartChanged:
        request = REQUEST.model_copy(update={"cart_version": 7})
    else:
        await checkout.place_order(PRINCIPAL, REQUEST, claim())
    mine = claim(resumed=resumed)
    with pytest.raises(refusal):
        await checkout.place_order(PRINCIPAL, request, mine)
    assert products.released == ([mine.resource_id] if resumed else [])


async def test_a_lost_race_for_the_cart_releases_the_losers_hold(
    running: Running, checkout: Checkout, products: Products
) -> None:
    winner: list[str] = []

    @dataclass
    class Racing(Products):
        @override
        async def hold(
            self, _: str, wanted: Sequence[Wanted], currency: str, __: int
        ) -> list[PricedLine]:
            if not winner:
                winner.append("")
                winner[0] = (await checkout.place_order(PRINCIPAL, REQUEST, claim())).order_id
            return await self.price(wanted, currency)

    racing = Racing()
    mine = claim()
    with pytest.raises(CartAlreadyOrdered) as refused:
        await replace(checkout, products=racing).place_order(PRINCIPAL, REQUEST, mine)
    assert refused.value.extensions == {"order_id": winner[0]}
    assert racing.released == [mine.resource_id]


@dataclass
class _CartOfVersion:
    version: int

    async def get(self, _: Principal, cart_id: str) -> Cart:
        return Cart(cart_id, self.version, "USD", (Wanted("MUG", 1),))
