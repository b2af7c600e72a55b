"""A customer of the gateway, with the few things customers do."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpx

from libs.testing.staff import Administrator
from libs.testing.waiting import eventually

ADDRESS = {
    "recipient": "Ada Example",
    "line1": "12 Analytical Way",
    "city": "Portland",
    "region": "OR",
    "postal_code": "97201",
    "country": "US",
}


SETTLED = {"confirmed", "failed", "cancelled"}


@dataclass
class Shopper:
    """Somebody with a token, an address and a cart."""

    http: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)
    address_id: str = ""
    login: dict[str, str] = field(default_factory=dict)
    staff: Administrator | None = None

    async def register(self) -> Self:
        await self.register_as()
        return self

    async def register_as(self) -> tuple[str, str]:
        """Register; return what to log in with."""
        email = f"shopper.{secrets.token_hex(8)}@example.com"
        password = secrets.token_urlsafe(18)
        person = {"email": email, "password": password, "display_name": "Shopper"}
        answer = await self.send("POST", "/v1/auth/register", person)
        assert answer.status_code == 201, answer.text
        await self.log_in(email, password)
        self.address_id = (await self.post("/v1/me/addresses", ADDRESS, 201))["address_id"]
        return email, password

    async def log_in(self, email: str, password: str) -> Self:
        self.login = {"email": email, "password": password}
        answer = await self.send("POST", "/v1/auth/login", self.login)
        assert answer.status_code == 200, answer.text
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return self

    async def log_in_as(self, staff: Administrator) -> Self:
        """Log in with two factors."""
        self.staff = staff
        token = await staff.log_in(self._posted)
        self.headers = {"Authorization": f"Bearer {token}"}
        return self

    async def _posted(self, path: str, body: object, token: str) -> Mapping[str, Any]:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        answer: Mapping[str, Any] = (await self.send("POST", path, body, **bearer)).json()
        return answer

    async def again(self) -> Self:
        """Return the same person with a login of its own."""
        if self.staff is not None:
            return await replace(self, headers={}).log_in_as(self.staff)
        login = self.login
        return await replace(self, headers={}).log_in(login["email"], login["password"])

    @property
    def token(self) -> str:
        """The access token of the last login."""
        return self.headers["Authorization"].removeprefix("Bearer ")

    async def send(self, method: str, path: str, body: object, **headers: str) -> httpx.Response:
        """Send a request again, with its key, while the shop says it is too busy or still at it (Retry-After)."""
        while True:
            answer = await self.http.request(
                method, path, json=body, headers={**self.headers, **headers}
            )
            if answer.status_code not in {429, 503, 504} and not _in_flight(answer):
                return answer
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))

    async def get(self, path: str, expect: int = 200) -> dict[str, Any]:
        answer = await self.send("GET", path, None)
        assert answer.status_code == expect, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def post(self, path: str, body: object, expect: int, **headers: str) -> dict[str, Any]:
        key = {"Idempotency-Key": secrets.token_hex(12), **headers}
        answer = await self.send("POST", path, body, **key)
        assert answer.status_code == expect, f"{answer.status_code} {answer.text}"
        made: dict[str, Any] = answer.json()
        return made

    async def fill_cart(self, sku: str, quantity: int = 1) -> dict[str, Any]:
        opened = await self.send("POST", "/v1/carts", {})
        cart_id = opened.json()["cart_id"]
        return await self.post(
            f"/v1/carts/{cart_id}/items", {"sku": sku, "quantity": quantity}, 200
        )

    async def order_body(self, cart_id: str, method: str = "tok_ok") -> dict[str, Any]:
        quote = await self.post(
            "/v1/quotes", {"cart_id": cart_id, "address_id": self.address_id}, 200
        )
        return {
            "cart_id": cart_id,
            "cart_version": quote["cart_version"],
            "expected_total": quote["total"],
            "payment_method": method,
            "address_id": self.address_id,
        }

    async def place(
        self, body: dict[str, Any], key: str | None = None, wait: int = 0
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key or secrets.token_hex(12)}
        if wait:
            headers["Prefer"] = f"wait={wait}"
        return await self.send("POST", "/v1/orders", body, **headers)


def _in_flight(answer: httpx.Response) -> bool:
    return answer.status_code == 409 and answer.json()["code"] == "idempotency_in_flight"


async def new_product(admin: Shopper, stock: int) -> str:
    sku = f"E2E-{secrets.token_hex(4).upper()}"
    body = {
        "slug": sku.lower(),
        "title": f"Thing {sku}",
        "description": "Made for a test.",
        "variants": [{"sku": sku, "title": "One size", "prices": {"USD": 1500}}],
    }
    await admin.post("/v1/products", body, 201)
    await admin.post(
        f"/v1/stock-levels/{sku}/adjustments",
        {"quantity": stock, "reason": "received"},
        201,
        **{"Idempotency-Key": secrets.token_hex(8)},
    )
    return sku


async def settled(shopper: Shopper, order_id: str, seconds: float = 60) -> dict[str, Any]:
    async def done() -> dict[str, Any] | None:
        order = await shopper.get(f"/v1/orders/{order_id}")
        paid = order["payment_status"] == "captured"
        return (
            order
            if order["status"] in SETTLED and (order["status"] != "confirmed" or paid)
            else None
        )

    order: dict[str, Any] | None = await eventually(done, timeout=seconds)
    assert order is not None
    return order
