"""The order service while it runs, and the means to play its neighbours' events."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import text

from libs.clock import utc_now
from libs.contracts import MESSAGES, Message
from libs.ids import new_id, uuid7
from libs.messaging.envelope import Envelope, schema_uri, source_uri
from libs.messaging.processing import Outcome, Processor
from libs.runtime.resources import Resources
from services.order.consumers import handlers
from services.order.dependencies import build_sweeper
from tests.order.shop import ADDRESS, CART, CUSTOMER, Shop

Headers = Callable[..., dict[str, str]]


@dataclass
class Running:
    """The running service, its neighbours, and the means to play their events."""

    http: httpx.AsyncClient
    resources: Resources
    shop: Shop
    headers: Headers
    versions: dict[str, int] = field(default_factory=dict)

    def order_body(self) -> dict[str, object]:
        return {
            "cart_id": CART,
            "cart_version": self.shop.cart_version,
            "expected_total": {"amount_minor": 4_085, "currency": "USD"},
            "payment_method": "tok_ok",
            "address_id": ADDRESS,
        }

    async def post_order(
        self, key: str | None = None, user: str = CUSTOMER, prefer: str = "", **changes: object
    ) -> httpx.Response:
        headers = self.headers(user) | {"Idempotency-Key": key or new_id("key")}
        if prefer:
            headers["Prefer"] = prefer
        body = self.order_body() | changes
        if "total" in changes:
            body["expected_total"] = {"amount_minor": body.pop("total"), "currency": "USD"}
        return await self.http.post("/v1/orders", json=body, headers=headers)

    async def placed(self) -> str:
        """Place an order and return its id; the cart moves on, as cart does on `order.placed`."""
        response = await self.post_order()
        assert response.status_code == 202, response.text
        self.shop.cart_version += 1
        return str(response.json()["order_id"])

    async def paid(self) -> str:
        """Bring an order to confirmed and captured."""
        order_id = await self.placed()
        for type_ in ("payment.authorized.v1", "stock.committed.v1", "payment.captured.v1"):
            await self.hear(type_, order_id)
        return order_id

    async def get(self, order_id: str, user: str = CUSTOMER) -> dict[str, Any]:
        response = await self.http.get(f"/v1/orders/{order_id}", headers=self.headers(user))
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def envelope(self, type_: str, order_id: str, **data: object) -> Envelope:
        """Write an event as payment or product would; versions of one publisher grow."""
        publisher = "payment" if type_.startswith("payment") else "product"
        self.versions[order_id] = self.versions.get(order_id, 0) + 1
        message = message_of(type_, order_id, data)
        return Envelope(
            id=str(uuid7()),
            source=source_uri("us-east-1", publisher),
            type=type_,
            subject=message.subject,
            time=utc_now(),
            dataschema=schema_uri(type_),
            data=message.model_dump(mode="json"),
            aggregateversion=self.versions[order_id],
            originregion="us-east-1",
            traceparent=None,
            causationid=None,
            correlationid="cor",
        )

    def processor(self) -> Processor:
        return Processor(
            consumer="order-inbox",
            handlers=handlers(self.resources),
            database=self.resources.database,
            outbox_of=self.resources.outbox,
            transactions=5,
        )

    async def hear(self, type_: str, order_id: str, **data: object) -> Outcome:
        return await self.processor().process(self.envelope(type_, order_id, **data))

    async def sweep(self) -> int:
        return await build_sweeper(self.resources).run()

    async def sql(self, statement: str, **values: object) -> list[Any]:
        async with self.resources.database.transaction() as session:
            result = await session.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []  # type: ignore[attr-defined]  # CursorResult

    async def sent(self, order_id: str) -> list[str]:
        """Return the types of the messages about an order, in the order they were written."""
        rows = await self.sql(
            "SELECT type FROM outbox_messages WHERE aggregate_id = :id ORDER BY position",
            id=order_id,
        )
        return [row[0] for row in rows]

    async def due_now(self, order_id: str) -> None:
        await self.sql("UPDATE orders SET next_check_at = now() WHERE id = :id", id=order_id)


def message_of(type_: str, order_id: str, data: dict[str, object]) -> Message:
    """Build a message with plausible fields."""
    usual: dict[str, object] = {
        "order_id": order_id,
        "payment_id": "pay_" + order_id.removeprefix("ord_"),
        "amount": {"amount_minor": 4_085, "currency": "USD"},
        "reason": "test",
        "refunded_total_minor": 0,
    }
    return MESSAGES[type_].model_validate({**usual, **data})
