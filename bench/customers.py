"""Customers of the benchmark's stack: registered, with an address, a filled cart and a quote, ready to order."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import httpx

from bench.stack import Site
from bench.wire import request_bytes
from libs.deadline import DEADLINE_HEADER

ADDRESS: Final = {
    "recipient": "Ada Example",
    "line1": "12 Analytical Way",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}
PIECES: Final = 1_000_000
"""Put in stock of every SKU sold here: a benchmark of refusals is another one."""

_AT_A_TIME: Final = 6
_SOLD: Final = """
    SELECT sku FROM shop_product.prices JOIN shop_product.variants USING (sku)
    JOIN shop_product.products ON products.id = product_id
    WHERE currency = 'USD' AND status = 'active' ORDER BY sku LIMIT $1
"""
_PATIENCE_SECONDS: Final = 30


class NotReady(Exception):
    """The shop refused a step of the preparation, perhaps because it is still starting."""


@dataclass(frozen=True)
class Customer:
    """Somebody who can order."""

    user_id: str
    token: str
    address_id: str

    @property
    def headers(self) -> dict[str, str]:
        """What proves it."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Basket:
    """An order that needs only to be sent."""

    customer: Customer
    cart_id: str
    body: bytes

    def request(self, gateway: str, *, wait_seconds: int = 0) -> bytes:
        """Write the request that places it, under a new key."""
        headers = {**self.customer.headers, "Idempotency-Key": secrets.token_hex(12)}
        if wait_seconds:
            headers["Prefer"] = f"wait={wait_seconds}"
        return request_bytes("POST", f"{gateway}/v1/orders", headers, self.body)


def open_client(site: Site) -> httpx.AsyncClient:
    """Open a client of the gateway for everything that is not measured, and is in no hurry."""
    patient = {DEADLINE_HEADER: str(1000 * _PATIENCE_SECONDS)}
    return httpx.AsyncClient(
        base_url=site.url("gateway"), timeout=_PATIENCE_SECONDS, headers=patient, trust_env=False
    )


async def register(http: httpx.AsyncClient) -> Customer:
    """Register, log in and add an address.

    Raises:
        NotReady: the shop refused.
    """
    login = {
        "email": f"bench.{secrets.token_hex(8)}@example.com",
        "password": secrets.token_hex(12),
    }
    user = await call(http, "POST", "/v1/auth/register", {**login, "display_name": "Bench"})
    tokens = await call(http, "POST", "/v1/auth/login", login)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    address = await call(http, "POST", "/v1/me/addresses", ADDRESS, headers)
    return Customer(user["user_id"], tokens["access_token"], address["address_id"])


async def fill(http: httpx.AsyncClient, customer: Customer, sku: str) -> Basket:
    """Put one piece into the customer's cart and have it quoted.

    Raises:
        NotReady: the shop refused.
    """
    headers = customer.headers
    cart = await call(http, "POST", "/v1/carts", {"currency": "USD"}, headers)
    path = f"/v1/carts/{cart['cart_id']}/items"
    await call(http, "POST", path, {"sku": sku, "quantity": 1}, headers)
    wanted = {"cart_id": cart["cart_id"], "address_id": customer.address_id}
    quote = await call(http, "POST", "/v1/quotes", wanted, headers)
    body = {
        **wanted,
        "cart_version": quote["cart_version"],
        "expected_total": quote["total"],
        "payment_method": "tok_ok",
    }
    return Basket(customer, cart["cart_id"], json.dumps(body).encode())


async def register_many(http: httpx.AsyncClient, count: int) -> list[Customer]:
    """Register customers, a few at a time."""
    gate = asyncio.Semaphore(_AT_A_TIME)

    async def one() -> Customer:
        async with gate:
            return await register(http)

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def fill_many(
    http: httpx.AsyncClient, customers: Sequence[Customer], skus: Sequence[str]
) -> list[Basket]:
    """Fill everybody's cart, the SKUs in turn."""
    gate = asyncio.Semaphore(_AT_A_TIME)

    async def one(number: int, customer: Customer) -> Basket:
        async with gate:
            return await fill(http, customer, skus[number % len(skus)])

    return list(await asyncio.gather(*(one(n, who) for n, who in enumerate(customers))))


async def stock_up(site: Site, http: httpx.AsyncClient, count: int) -> list[str]:
    """Choose SKUs that are sold in USD and put plenty of each in stock, as the administrator."""
    try:
        token = await site.administrator.log_in(http)
    except httpx.HTTPError as error:
        raise NotReady(f"the administrator could not log in: {error!r}") from error
    headers = {"Authorization": f"Bearer {token}"}
    skus = await _sold_skus(site, count)
    for sku in skus:
        received = {"quantity": PIECES, "reason": "received"}
        await call(http, "POST", f"/v1/stock-levels/{sku}/adjustments", received, headers)
    return skus


async def product_id_of(http: httpx.AsyncClient) -> str:
    """Return a product that is sold in USD."""
    query = "/v1/products?available=true&currency=USD&limit=1"
    listing = await call(http, "GET", query)
    if not listing["items"]:
        raise NotReady("the catalogue is empty")
    return str(listing["items"][0]["product_id"])


async def call(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Send one request of the preparation and return its JSON.

    Raises:
        NotReady: it was refused, or nobody answered.
    """
    try:
        response = await http.request(method, path, json=body, headers=headers)
    except httpx.HTTPError as error:
        raise NotReady(f"{method} {path}: {error!r}") from error
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        raise NotReady(f"{method} {path} answered {response.status_code}: {response.text[:300]}")
    answer: dict[str, Any] = response.json()
    return answer


async def _sold_skus(site: Site, count: int) -> list[str]:
    """Ask product's own tables: cart hears of an imported catalogue only when somebody puts a piece of it in a cart."""
    connection = await site.connect()
    try:
        return [row["sku"] for row in await connection.fetch(_SOLD, count)]
    finally:
        await connection.close()
