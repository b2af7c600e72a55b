"""The POSTs that create money, an order, a hold or a user: how to send a valid one and how to count what it made."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import httpx

from libs.ids import new_id
from libs.security.master_key import KeyFile
from libs.security.service_tokens import ServiceSigner
from local.credentials import SERVICE_KEYS_FOLDER
from tests.e2e.shopper import Shopper, new_product, settled
from tests.e2e.stack import Stack


@dataclass(frozen=True)
class Post:
    """One valid request, ready to be sent any number of times under any key."""

    service: str
    path: str
    body: dict[str, Any]
    headers: Callable[[], Mapping[str, str]]
    made: str
    """SQL that counts what the request made."""
    key_required: bool = True
    other: dict[str, Any] = field(default_factory=dict)
    """What makes the body another, equally valid one."""
    invalid: dict[str, Any] = field(default_factory=dict)

    def with_body(self, **changes: Any) -> "Post":
        return replace(self, body={**self.body, **changes})

    async def send(self, http: httpx.AsyncClient, url: str, key: str | None) -> httpx.Response:
        headers = dict(self.headers())
        if key is not None:
            headers["Idempotency-Key"] = key
        return await http.post(f"{url}{self.path}", json=self.body, headers=headers)


@dataclass(frozen=True)
class Shop:
    """Prepares requests in a running stack."""

    stack: Stack
    http: httpx.AsyncClient
    admin: Shopper

    async def renew(self) -> None:
        """Log the administrator in again: an access token lives for five minutes."""
        await self.admin.log_in_as(self.stack.administrator)

    async def place_order(self, *, method: str = "tok_ok", stock: int = 5) -> Post:
        sku = await new_product(self.admin, stock=stock)
        buyer = await Shopper(self.http).register()
        cart = await buyer.fill_cart(sku)
        body = await buyer.order_body(cart["cart_id"], method)
        return Post(
            "order",
            "/v1/orders",
            body,
            lambda: buyer.headers,
            f"SELECT count(*) FROM shop_order.orders WHERE cart_id = '{cart['cart_id']}'",  # noqa: S608 - our own id
            other={"payment_method": "tok_decline"},
            invalid={"cart_version": "many"},
        )

    async def refund_order(self) -> Post:
        order = await self.place_order()
        placed = await order.send(self.http, self.stack.gateway, secrets.token_hex(8))
        order_id = placed.json()["order_id"]
        await settled(Shopper(self.http, dict(order.headers())), order_id)
        amount = {"amount_minor": 100, "currency": "USD"}
        return Post(
            "order",
            f"/v1/orders/{order_id}/refunds",
            {"amount": amount, "reason": "damaged"},
            lambda: self.admin.headers,
            f"SELECT count(*) FROM shop_order.refunds WHERE order_id = '{order_id}'",  # noqa: S608 - our own id
            other={"amount": {"amount_minor": 101, "currency": "USD"}},
            invalid={"amount": {"amount_minor": -1, "currency": "USD"}},
        )

    async def hold_reservation(self) -> Post:
        sku, order_id = await new_product(self.admin, stock=5), new_id("ord")
        keys = self.stack.home / "meridian" / "secrets" / SERVICE_KEYS_FOLDER
        signer = ServiceSigner("order", keys / "order.key.json")
        return Post(
            "product",
            "/v1/reservations",
            {
                "order_id": order_id,
                "currency": "USD",
                "lines": [{"sku": sku, "quantity": 1}],
                "ttl_seconds": 600,
            },
            lambda: {"Service-Authorization": f"Bearer {signer.token_for('product')}"},
            f"SELECT count(*) FROM shop_product.reservations WHERE order_id = '{order_id}'",  # noqa: S608 - our own id
            other={"ttl_seconds": 601},
            invalid={"lines": []},
        )

    async def register(self) -> Post:
        email = f"racer.{secrets.token_hex(8)}@example.com"
        index = await self.index_of(email)
        person = {
            "email": email,
            "password": secrets.token_urlsafe(18),
            "display_name": "Racer",
        }
        return Post(
            "auth",
            "/v1/auth/register",
            person,
            dict,
            f"SELECT count(*) FROM shop_auth.identities WHERE email_index = '\\x{index.hex()}'",  # noqa: S608 - hexadecimal
            key_required=False,
            other={"display_name": "Somebody else"},
            invalid={"email": "nowhere"},
        )

    async def index_of(self, email: str) -> bytes:
        """Return what auth finds an address by; the address itself is sealed."""
        connection = await asyncpg.connect(self.stack.database)
        try:
            wrapped = await connection.fetchval(
                "SELECT wrapped FROM shop_auth.data_keys WHERE purpose = 'index'"
            )
        finally:
            await connection.close()
        keys = self.stack.home / "meridian" / "secrets" / SERVICE_KEYS_FOLDER
        context = {"service": "auth", "purpose": "data-key-index"}
        key = await KeyFile(keys / "auth.master.json").unwrap(wrapped, context)
        return hmac.digest(key, b"identities.email\0" + email.encode(), "sha256")

    async def count(self, query: str) -> int:
        connection = await asyncpg.connect(self.stack.database)
        try:
            return int(await connection.fetchval(query))
        finally:
            await connection.close()
