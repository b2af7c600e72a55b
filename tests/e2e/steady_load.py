"""A hundred requests per second of everything a shop is asked, a few of which take two seconds, and every answer judged."""

import asyncio
import itertools
import json
import random
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from libs.deadline import DEADLINE_HEADER
from libs.ids import new_id
from tests.e2e.shopper import Shopper, new_product

PER_SECOND: Final = 100
SLOW_SECONDS: Final = 2.0
BUYERS: Final = 24
"""Each buys again once his cart is empty, which it is soon after his order was placed."""

LONGEST_SECONDS_UNTIL_EMPTY: Final = 120
NEW_TOKEN_SECONDS: Final = 120
_PATIENCE: Final = {DEADLINE_HEADER: "25000"}
_SOMEBODY_ELSES_SIGNATURE: Final = "t=1,v1=00"

Send = Callable[[], Awaitable[object]]


@dataclass
class SteadyLoad:
    """Sends requests at their time, whatever became of those before, until it is told to stop.

    Attributes:
        failures: what was answered otherwise than it should, or not at all.
        orders: the orders placed, each with the buyer who placed it.
        received: pieces put in stock of `restocked`, one per request.
    """

    http: httpx.AsyncClient
    admin: Shopper
    sold: str
    restocked: str
    product_id: str
    buyers: list[Shopper]
    idle: deque[Shopper]
    sent: int = 0
    received: int = 0
    failures: list[str] = field(default_factory=list)
    orders: list[tuple[str, Shopper]] = field(default_factory=list)
    slowest: float = 0.0

    @classmethod
    async def prepare(cls, http: httpx.AsyncClient, admin: Shopper) -> "SteadyLoad":
        sold = await new_product(admin, stock=1_000_000)
        restocked = await new_product(admin, stock=1)
        listing = await admin.get("/v1/products?available=true&currency=USD&limit=1")
        buyers = [await _registered(http) for _ in range(BUYERS)]
        return cls(
            http, admin, sold, restocked, listing["items"][0]["product_id"], buyers, deque(buyers)
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Send the mix until told to stop, and wait for what is under way."""
        turns = itertools.cycle(self.buyers)
        plan = self._mix(turns)
        began = time.monotonic()
        async with asyncio.TaskGroup() as together:
            together.create_task(self._renew_tokens(stop))
            for number in itertools.count():
                await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
                if stop.is_set():
                    break
                together.create_task(_awaited(plan[number % PER_SECOND]))

    def _mix(self, turns: "itertools.cycle[Shopper]") -> Sequence[Send]:
        """One second of requests; a purchase counts as the four it consists of."""

        def get(path: str, *, buyer: bool = False) -> Send:
            return lambda: self.expect(
                "GET", path, {200}, headers=next(turns).headers if buyer else {}
            )

        product = f"/v1/products/{self.product_id}"
        parts = (
            (48, get(product)),
            (6, get("/v1/products?limit=5")),
            (8, get("/.well-known/jwks.json")),
            (9, get("/v1/me", buyer=True)),
            (8, get("/v1/carts/current", buyer=True)),
            (6, get("/v1/orders?limit=5", buyer=True)),
            (6, get(f"/v1/payments?order_id={new_id('ord')}", buyer=True)),
            (1, self._buy),
            (1, lambda: self._log_in_slowly(next(turns))),
            (1, lambda: self._rename_slowly(next(turns))),
            (1, self._restock_slowly),
            (1, lambda: self._slowly("POST", "/v1/carts", {"currency": "USD"}, {201})),
            (1, self._forge_webhook_slowly),
        )
        plan = [send for count, send in parts for _ in range(count)]
        plan += [get(product)] * (PER_SECOND - 3 - len(plan))
        random.Random(9).shuffle(plan)  # noqa: S311 - an order of requests
        return plan + [_nothing] * (PER_SECOND - len(plan))

    async def expect(
        self, method: str, path: str, wanted: set[int], **options: Any
    ) -> httpx.Response | None:
        """Send one request once; None if its answer is not a wanted one, which is noted."""
        self.sent += 1
        headers = {**_PATIENCE, **options.pop("headers", {})}
        began = time.monotonic()
        try:
            answer = await self.http.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        self.slowest = max(self.slowest, time.monotonic() - began)
        if answer.status_code not in wanted:
            told = f"{answer.status_code} {answer.json().get('code')}"
            self.failures.append(f"{method} {path.partition('?')[0]}: {told}")
            return None
        return answer

    async def _slowly(
        self,
        method: str,
        path: str,
        body: object,
        wanted: set[int],
        headers: dict[str, str] | None = None,
    ) -> httpx.Response | None:
        """Send a request whose body takes two seconds to arrive."""
        content = json.dumps(body).encode()
        return await self.expect(
            method,
            path,
            wanted,
            headers={
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
                **(headers or {}),
            },
            content=_trickle(content),
        )

    async def _buy(self) -> None:
        if self.idle:
            buyer = self.idle.popleft()
            await self._purchase(buyer)
            if await self._has_an_empty_cart(buyer):
                self.idle.append(buyer)

    async def _has_an_empty_cart(self, buyer: Shopper) -> bool:
        for _ in range(LONGEST_SECONDS_UNTIL_EMPTY):
            cart = await self.expect("GET", "/v1/carts/current", {200}, headers=buyer.headers)
            if cart is not None and not cart.json()["lines"]:
                return True
            await asyncio.sleep(1)
        self.failures.append("a cart never heard of its order")
        return False

    async def _purchase(self, buyer: Shopper) -> None:
        cart = await self.expect(
            "POST", "/v1/carts", {200, 201}, json={"currency": "USD"}, headers=buyer.headers
        )
        if cart is None:
            return
        cart_id = cart.json()["cart_id"]
        line = {"sku": self.sold, "quantity": 1}
        await self.expect(
            "POST", f"/v1/carts/{cart_id}/items", {200}, json=line, headers=buyer.headers
        )
        wanted = {"cart_id": cart_id, "address_id": buyer.address_id}
        quote = await self.expect("POST", "/v1/quotes", {200}, json=wanted, headers=buyer.headers)
        if quote is None:
            return
        told = quote.json()
        order = {
            **wanted,
            "cart_version": told["cart_version"],
            "expected_total": told["total"],
            "payment_method": "tok_ok",
        }
        key = {"Idempotency-Key": secrets.token_hex(12), "Prefer": "wait=2"}
        placed = await self._slowly(
            "POST", "/v1/orders", order, {201, 202}, {**buyer.headers, **key}
        )
        if placed is not None:
            self.orders.append((placed.json()["order_id"], buyer))

    async def _log_in_slowly(self, buyer: Shopper) -> None:
        await self._slowly("POST", "/v1/auth/login", buyer.login, {200})

    async def _rename_slowly(self, buyer: Shopper) -> None:
        await self._slowly(
            "PATCH",
            "/v1/me",
            {"display_name": f"Buyer {secrets.token_hex(3)}"},
            {200},
            {**buyer.headers, "Content-Type": "application/merge-patch+json"},
        )

    async def _restock_slowly(self) -> None:
        path = f"/v1/stock-levels/{self.restocked}/adjustments"
        headers = {**self.admin.headers, "Idempotency-Key": secrets.token_hex(12)}
        body = {"quantity": 1, "reason": "received"}
        if await self._slowly("POST", path, body, {201}, headers) is not None:
            self.received += 1

    async def _forge_webhook_slowly(self) -> None:
        headers = {"Simulator-Signature": _SOMEBODY_ELSES_SIGNATURE}
        await self._slowly("POST", "/v1/webhooks/simulator", {}, {400, 401}, headers)

    async def _renew_tokens(self, stop: asyncio.Event) -> None:
        while True:
            try:
                async with asyncio.timeout(NEW_TOKEN_SECONDS):
                    await stop.wait()
            except TimeoutError:
                await self.renew_tokens()
            else:
                return

    async def renew_tokens(self) -> None:
        self.admin = await self.admin.again()
        for shopper in self.buyers:
            answer = await self.expect("POST", "/v1/auth/login", {200}, json=shopper.login)
            if answer is not None:
                shopper.headers = _bearer(answer)


async def _registered(http: httpx.AsyncClient) -> Shopper:
    shopper = await Shopper(http).register()
    await shopper.post("/v1/carts", {"currency": "USD"}, 201)
    return shopper


def _bearer(answer: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def _trickle(content: bytes) -> AsyncIterator[bytes]:
    half = len(content) // 2
    yield content[:half]
    await asyncio.sleep(SLOW_SECONDS)
    yield content[half:]


async def _awaited(send: Send) -> None:
    await send()


async def _nothing() -> None:
    """The place in the second that a purchase's further requests take."""
