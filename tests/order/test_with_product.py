"""Order and the real product, over HTTP and over messages; payment's part is played."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from typing_extensions import override

from libs.ids import new_id
from libs.runtime.worker import running_worker
from libs.testing.broker import MemoryBroker
from libs.testing.plugin import SettingsFor
from libs.testing.waiting import eventually
from services.order.clients import ProductClient, Wanted
from services.order.errors import HoldRefused
from services.order.worker import worker_plan as order_plan
from services.product.main import create_app as create_product
from services.product.settings import ProductSettings
from services.product.worker import worker_plan as product_plan
from tests.order.running import Running
from tests.order.shop import ADDRESS, CART
from tests.product.shop import Shop as Catalogue


@dataclass
class Both:
    order: Running
    catalogue: Catalogue

    async def piles(self) -> tuple[int, int, int]:
        return await self.catalogue.piles("MUG-RED-L")

    def products(self) -> ProductClient:
        """Return order's client of product."""
        return ProductClient(self.order.resources.client("product", "http://product"))


class ByHost(httpx.AsyncBaseTransport):
    def __init__(self, product: FastAPI, others: FastAPI) -> None:
        self._product = httpx.ASGITransport(product)
        self._others = httpx.ASGITransport(others)

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        chosen = self._product if request.url.host == "product" else self._others
        return await chosen.handle_async_request(request)


@pytest.fixture
async def both(
    running: Running,
    settings_for: SettingsFor,
    client_for: Callable[[FastAPI], Awaitable[httpx.AsyncClient]],
) -> AsyncIterator[Both]:
    settings = settings_for("product", role="api")
    assert isinstance(settings, ProductSettings)
    product = create_product(settings)
    await client_for(product)
    broker = MemoryBroker()
    catalogue = Catalogue(product.state.resources.database)
    await catalogue.product("mug", stock={"MUG-RED-L": 20}, prices={"USD": 1500})
    running.shop.lines = {"MUG-RED-L": 2}
    running.resources.http._transport = ByHost(product, running.shop.application())
    running.resources = replace(running.resources, broker=broker)
    theirs = replace(product.state.resources, broker=broker)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running_worker(theirs, product_plan(theirs)))
        await stack.enter_async_context(
            running_worker(running.resources, order_plan(running.resources))
        )
        yield Both(running, catalogue)


async def quoted(both: Both) -> int:
    response = await both.order.http.post(
        "/v1/quotes",
        json={"cart_id": CART, "address_id": ADDRESS},
        headers=both.order.headers(),
    )
    assert response.status_code == 200, response.text
    return int(response.json()["total"]["amount_minor"])


async def until(both: Both, order_id: str, **wanted: str) -> None:
    async def reached() -> bool:
        order = await both.order.get(order_id)
        return all(order[name] == value for name, value in wanted.items())

    assert await eventually(reached, 60)


async def test_a_purchase_sells_what_it_held_and_a_cancellation_brings_it_back(
    both: Both,
) -> None:
    total = await quoted(both)
    response = await both.order.post_order(total=total)
    assert response.status_code == 202, response.text
    order_id = response.json()["order_id"]
    amount = {"amount_minor": total, "currency": "USD"}
    assert await both.piles() == (18, 2, 0)
    await both.order.hear("payment.authorized.v1", order_id, amount=amount)
    await until(both, order_id, status="confirmed")
    assert await both.piles() == (18, 0, 2)
    await both.order.http.post(f"/v1/orders/{order_id}/cancel", headers=both.order.headers())
    assert await eventually(lambda: _is(both, (20, 0, 0)), 60)


async def test_a_decline_brings_the_stock_back(both: Both) -> None:
    response = await both.order.post_order(total=await quoted(both))
    order_id = response.json()["order_id"]
    await both.order.hear("payment.declined.v1", order_id)
    assert await eventually(lambda: _is(both, (20, 0, 0)), 60)


async def test_product_says_what_is_missing(both: Both) -> None:
    total = await quoted(both)
    await both.catalogue.hold({"MUG-RED-L": 19})
    response = await both.order.post_order(total=total)
    assert (response.status_code, response.json()["code"]) == (409, "out_of_stock")
    assert response.json()["shortages"] == [{"sku": "MUG-RED-L", "requested": 2, "available": 1}]


async def test_a_changed_total_holds_nothing(both: Both) -> None:
    response = await both.order.post_order(total=1)
    assert (response.status_code, response.json()["code"]) == (409, "total_changed")
    assert await both.piles() == (20, 0, 0)


async def test_an_attempt_that_resumes_after_its_hold_ran_out_holds_anew_at_todays_prices(
    both: Both,
) -> None:
    products = both.products()
    wanted, order_id = [Wanted("MUG-RED-L", 2)], new_id("ord")
    (before,) = await products.hold(order_id, wanted, "USD", 60)
    async with both.catalogue.database.transaction() as session:
        await session.execute(text("UPDATE reservations SET expires_at = now() - interval '1 s'"))
        await session.execute(text("UPDATE prices SET amount_minor = 1600 WHERE currency = 'USD'"))
    async with both.catalogue.reservations() as reservations:
        assert await reservations.expire(10) == 1
    assert await both.piles() == (20, 0, 0)
    (after,) = await products.hold(order_id, wanted, "USD", 60)
    assert (before.unit_price.amount_minor, after.unit_price.amount_minor) == (1500, 1600)
    assert await both.piles() == (18, 2, 0)


async def test_an_attempt_that_resumes_after_its_hold_was_released_gets_no_pieces(
    both: Both,
) -> None:
    products = both.products()
    wanted, order_id = [Wanted("MUG-RED-L", 2)], new_id("ord")
    await products.hold(order_id, wanted, "USD", 60)
    await products.release(order_id)
    with pytest.raises(HoldRefused):
        await products.hold(order_id, wanted, "USD", 60)


async def test_orders_never_take_more_than_there_is(both: Both) -> None:
    total = await quoted(both)
    versions = range(100, 130)

    async def buy(version: int) -> int:
        both.order.shop.cart_version = version
        return (await both.order.post_order(total=total, cart_version=version)).status_code

    # One after the other: a single cart plays all buyers, and each needs its version. Product's own tests race.
    statuses = [await buy(version) for version in versions]
    assert statuses.count(202) == 10
    assert set(statuses) == {202, 409}
    assert await both.piles() == (0, 20, 0)


async def _is(both: Both, piles: tuple[int, int, int]) -> bool:
    return await both.piles() == piles


async def test_cancelled_and_returned_pieces_can_be_bought_again(both: Both) -> None:
    total = await quoted(both)
    response = await both.order.post_order(total=total)
    assert response.status_code == 202, response.text
    order_id = response.json()["order_id"]
    amount = {"amount_minor": total, "currency": "USD"}
    await both.order.hear("payment.authorized.v1", order_id, amount=amount)
    await until(both, order_id, status="confirmed")
    await both.order.hear("payment.captured.v1", order_id, amount=amount)
    headers = both.order.headers(admin=True)
    mug: dict[str, object] = {"lines": [{"sku": "MUG-RED-L", "quantity": 1}]}

    async def post(what: str, body: dict[str, object], **more: str) -> None:
        path = f"/v1/orders/{order_id}/{what}"
        key = {"Idempotency-Key": new_id("key")}
        response = await both.order.http.post(path, json=body, headers=headers | key | more)
        assert response.status_code in {200, 201}, response.text

    await post("cancel", mug)
    assert await eventually(lambda: _is(both, (19, 0, 1)), 60)
    await until_restocked(both, order_id)
    tag = f'"v{(await both.order.get(order_id))["version"]}"'
    await post("shipments", {"carrier": "DHL", "tracking_number": "1"}, **{"If-Match": tag})
    await post("returns", mug | {"restock": True})
    assert await eventually(lambda: _is(both, (20, 0, 0)), 60)


async def until_restocked(both: Both, order_id: str) -> None:
    async def reached() -> bool:
        order = await both.order.get(order_id)
        return all(one["restock"] == "done" for one in order["cancellations"])

    assert await eventually(reached, 60)
