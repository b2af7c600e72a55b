"""How long a start takes until somebody has bought something, and what the idle stack costs."""

import asyncio
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpx

from bench.customers import (
    Basket,
    Customer,
    NotReady,
    call,
    fill,
    open_client,
    product_id_of,
    register,
)
from bench.stack import START_SECONDS, Site, StackFailed, until_up
from bench.wire import BadAnswer, Connection
from local.status import Usage, measure

_PAUSE_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 15


@dataclass(frozen=True)
class Start:
    """Seconds from the start of the process: until an order was accepted, and until it was confirmed."""

    ordered: float
    confirmed: float


async def first_order(site: Site, began: float) -> Start:
    """Try to buy from the first moment on, as a new customer, until it works.

    Raises:
        StackFailed: nothing could be bought in time.
    """
    deadline = began + START_SECONDS
    async with open_client(site) as http:
        trier = _Trier(site, http)
        while True:
            try:
                await trier.go_on()
                ordered = time.monotonic() - began
                await trier.confirmed()
                return Start(ordered, time.monotonic() - began)
            except (NotReady, BadAnswer, OSError) as error:
                if time.monotonic() > deadline:
                    await until_up(site)
                    raise StackFailed(f"nothing could be bought: {error}") from error
                await asyncio.sleep(_PAUSE_SECONDS)


class _Trier:
    """A customer who keeps what was achieved between two tries."""

    def __init__(self, site: Site, http: httpx.AsyncClient) -> None:
        self._site = site
        self._http = http
        self._sku = ""
        self._customer: Customer | None = None
        self._basket: Basket | None = None
        self._order_id = ""

    async def go_on(self) -> None:
        """Take the next steps up to an accepted order."""
        self._sku = self._sku or await self._some_sku()
        self._customer = self._customer or await register(self._http)
        self._basket = self._basket or await fill(self._http, self._customer, self._sku)
        gateway = self._site.url("gateway")
        connection = await Connection.open(gateway)
        try:
            answer = await connection.exchange(self._basket.request(gateway))
        finally:
            connection.close()
        if answer.status != HTTPStatus.ACCEPTED:
            raise NotReady(f"ordering answered {answer.status}: {answer.body[:300]!r}")
        self._order_id = answer.headers["location"].rpartition("/")[2]

    async def confirmed(self) -> None:
        """Wait until the order is confirmed."""
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        headers = self._customer.headers if self._customer else {}
        while True:
            order = await call(self._http, "GET", f"/v1/orders/{self._order_id}", None, headers)
            if order["status"] == "confirmed":
                return
            if time.monotonic() > deadline:
                raise StackFailed(f"the first order is still {order['status']}")
            await asyncio.sleep(_PAUSE_SECONDS / 2)

    async def _some_sku(self) -> str:
        path = f"/v1/products/{await product_id_of(self._http)}"
        product = await call(self._http, "GET", path)
        for variant in product["variants"]:
            query = f"/v1/variants?sku={variant['sku']}&currency=USD"
            offers = (await call(self._http, "GET", query))["items"]
            if offers and offers[0]["unit_price_minor"] and offers[0]["available"]:
                return str(variant["sku"])
        raise NotReady("the first product is not in stock")


async def idle_usage(site: Site, seconds: float) -> list[Usage]:
    """Measure every process of the stack while nobody uses it: CPU over `seconds`, then memory."""
    return await asyncio.to_thread(measure, site.paths, seconds=seconds)
