"""A customer who tries everything once while something is broken."""

import asyncio
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import httpx

from libs.testing.staff import Administrator
from libs.testing.waiting import eventually
from tests.e2e.shopper import ADDRESS, Shopper, new_product

DEADLINE_MS: Final = 3_000
"""What the customer says they wait; the shop answers by then, whatever is broken."""

PATIENCE_SECONDS: Final = 15.0
"""When the test stops waiting: far above the deadline, because the machine may be busy."""

RECOVERY_SECONDS: Final = 120.0
_NO_HURRY_MS: Final = 12_000
_BUSY: Final = frozenset({429, 503, 504})


@dataclass
class Outcome:
    """What the customer saw of one operation."""

    status: int
    code: str
    seconds: float
    retry_after: str | None

    @classmethod
    def of(cls, answer: httpx.Response) -> Self:
        problem = answer.headers.get("content-type", "").startswith("application/problem+json")
        code = answer.json()["code"] if problem else ""
        seconds = answer.elapsed.total_seconds()
        return cls(answer.status_code, code, seconds, answer.headers.get("Retry-After"))


class Customer:
    """Somebody registered with an earlier order, a friend who orders, and a companion who only looks at a cart.

    The friend is a new one each time: news of an earlier order that broken messaging held back changes nobody's cart.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._login = {
            "email": f"faults.{secrets.token_hex(8)}@example.com",
            "password": secrets.token_urlsafe(18),
        }
        self._shopper = Shopper(http)
        self._buying = Shopper(http)
        self._looking = Shopper(http)
        self._product = ""
        self._sku = ""
        self._cart = ""
        self._order: dict[str, Any] = {}
        self._key = ""
        self._earlier = ""

    async def arrive(self, administrator: Administrator) -> Self:
        """Register, and order something that is never sold out once."""
        admin = await Shopper(self._http).log_in_as(administrator)
        self._sku = await new_product(admin, stock=1_000)
        self._product = self._sku.lower()
        await self._shopper.send("POST", "/v1/auth/register", {**self._login, "display_name": "F"})
        await self._shopper.log_in(self._login["email"], self._login["password"])
        address = await self._shopper.post("/v1/me/addresses", ADDRESS, 201)
        self._shopper.address_id = address["address_id"]
        await self._quote_for(self._shopper)
        placed = await self.place_again()
        self._earlier = placed.headers["Location"].rpartition("/")[2]
        return self

    async def get_ready(self) -> None:
        """Fill a new cart and have it quoted, so that an order needs only to be sent."""
        await self._shopper.log_in(self._login["email"], self._login["password"])
        await self._quote_for(await Shopper(self._http).register())
        self._looking = await Shopper(self._http).register()
        self._cart = (await self._looking.fill_cart(self._sku))["cart_id"]
        for path in self._catalogue:  # so that the cache knows what was there before
            await self._shopper.get(path)

    async def _quote_for(self, buyer: Shopper) -> None:
        self._buying = buyer
        cart = await buyer.fill_cart(self._sku)
        self._order = await buyer.order_body(cart["cart_id"])
        self._key = secrets.token_hex(12)

    @property
    def _catalogue(self) -> tuple[str, str]:
        return f"/v1/products/{self._product}", "/v1/products?limit=2"

    async def try_everything(self) -> Mapping[str, Outcome]:
        """Send every operation once, together, and note what came back."""
        quote = {"cart_id": self._cart, "address_id": self._looking.address_id}
        product, listing = self._catalogue
        attempts: dict[str, Awaitable[httpx.Response]] = {
            "browse": self._send("GET", product, token=False),
            "search": self._send("GET", listing, token=False),
            "login": self._send("POST", "/v1/auth/login", self._login, token=False),
            "get_cart": self._send("GET", f"/v1/carts/{self._cart}", who=self._looking),
            "open_cart": self._send("POST", "/v1/carts", {}),
            "quote": self._send("POST", "/v1/quotes", quote, who=self._looking),
            "place_order": self._place(),
            "get_order": self._send("GET", f"/v1/orders/{self._earlier}"),
        }
        answers = await asyncio.gather(*attempts.values())
        return {name: Outcome.of(answer) for name, answer in zip(attempts, answers, strict=True)}

    async def everything_works(self) -> bool:
        """Tell whether every operation succeeds again, with a new cart."""
        await self.get_ready()
        outcomes = await self.try_everything()
        broken = {name: one for name, one in outcomes.items() if one.status >= 400}
        assert not broken, broken
        return True

    async def place_again(self) -> httpx.Response:
        """Send the order under its key until it is accepted, as a client does after any doubt."""

        async def placed() -> httpx.Response | None:
            answer = await self._place(_NO_HURRY_MS)
            if answer.status_code in _BUSY or Outcome.of(answer).code == "idempotency_in_flight":
                return None
            assert answer.status_code in {201, 202}, answer.text
            return answer

        answer = await eventually(placed, timeout=RECOVERY_SECONDS)
        assert answer is not None
        return answer

    async def is_paid(self, order_id: str) -> bool:
        """Tell whether an order has come to its good end."""
        answer = await self._send("GET", f"/v1/orders/{order_id}", who=self._buying)
        return answer.status_code == 200 and answer.json()["payment_status"] == "captured"

    def _place(self, milliseconds: int = DEADLINE_MS) -> Awaitable[httpx.Response]:
        return self._send(
            "POST",
            "/v1/orders",
            self._order,
            who=self._buying,
            key=self._key,
            milliseconds=milliseconds,
        )

    async def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: bool = True,
        who: Shopper | None = None,
        key: str = "",
        milliseconds: int = DEADLINE_MS,
    ) -> httpx.Response:
        headers = {"Request-Timeout": str(milliseconds)}
        if token:
            headers |= (who or self._shopper).headers
        if key:
            headers["Idempotency-Key"] = key
        return await self._http.request(
            method, path, json=body, headers=headers, timeout=PATIENCE_SECONDS
        )
