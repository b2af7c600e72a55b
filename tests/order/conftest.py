"""The order service in this process; cart, user and product are played by a small application with real tokens checked."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from pydantic import TypeAdapter
from sqlalchemy import text

from libs.clock import utc_now
from libs.contracts import MESSAGES, Message
from libs.ids import new_id, uuid7
from libs.messaging.envelope import Envelope, schema_uri, source_uri
from libs.messaging.processing import Outcome, Processor
from libs.runtime.resources import Resources
from libs.testing.plugin import SettingsFor
from libs.testing.tokens import TokenFactory
from services.order.consumers import handlers
from services.order.dependencies import build_sweeper
from services.order.main import create_app
from services.order.settings import OrderSettings

CUSTOMER = "usr_" + "1" * 32
OTHER = "usr_" + "2" * 32
CART = "crt_" + "a" * 32
ADDRESS = "adr_" + "b" * 32

Headers = Callable[..., dict[str, str]]


def problem(status: int, code: str, **extensions: object) -> Response:
    members = {
        "type": f"urn:meridian:problem:{code}",
        "title": code,
        "status": status,
        "detail": f"because of {code}",
        "instance": "/x",
        "code": code,
        "request_id": "req_1",
        **extensions,
    }
    body = TypeAdapter(dict[str, object]).dump_json(members)
    return Response(body, status, media_type="application/problem+json")


def answer(body: object, status: int = 200) -> Response:
    return Response(TypeAdapter(object).dump_json(body), status, media_type="application/json")


def subject_of(request: Request) -> str:
    payload = request.headers["authorization"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"])


@dataclass
class Shop:
    """What the other services know, and what they were asked."""

    prices: dict[str, int] = field(default_factory=lambda: {"MUG-RED-L": 1500, "PEN-BLUE": 250})
    stock: dict[str, int] = field(default_factory=lambda: {"MUG-RED-L": 100, "PEN-BLUE": 100})
    lines: dict[str, int] = field(default_factory=lambda: {"MUG-RED-L": 2, "PEN-BLUE": 1})
    cart_version: int = 3
    cart_owner: str = CUSTOMER
    currency: str = "USD"
    country: str = "US"
    region: str | None = "ca"
    holds: dict[str, dict[str, int]] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    hold_refusal: str | None = None
    release_is_away: bool = False
    refuses_all: int | None = None
    before_hold: Callable[[], Awaitable[None]] | None = None

    def application(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def watch(request: Request, call_next: Any) -> Response:
            self.asked.append(f"{request.method} {request.url.hostname}{request.url.path}")
            assert request.headers["service-authorization"].startswith("Bearer ")
            if request.url.hostname in self.away:
                return Response(status_code=503)
            if self.refuses_all is not None:
                return problem(self.refuses_all, "nobody_foresaw_this")
            response: Response = await call_next(request)
            return response

        app.get("/v1/carts/{cart_id}")(self.get_cart)
        app.get("/v1/me/addresses/{address_id}")(self.get_address)
        app.get("/v1/variants")(self.list_variants)
        app.post("/v1/reservations")(self.hold)
        app.post("/v1/reservations/{order_id}/release")(self.release)
        return app

    async def get_cart(self, cart_id: str, request: Request) -> Response:
        if cart_id != CART or subject_of(request) != self.cart_owner:
            return problem(404, "cart_not_found")
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in self.lines.items()]
        return answer(
            {
                "cart_id": CART,
                "version": self.cart_version,
                "currency": self.currency,
                "lines": lines,
            }
        )

    async def get_address(self, address_id: str) -> Response:
        if address_id != ADDRESS:
            return problem(404, "address_not_found")
        return answer(
            {
                "address_id": ADDRESS,
                "recipient": "Ada",
                "line1": "12 Analytical Way",
                "line2": None,
                "city": "San Jose",
                "region": self.region,
                "postal_code": "95113",
                "country": self.country,
                "version": 1,
            }
        )

    async def list_variants(self, request: Request) -> Response:
        currency = request.query_params["currency"]
        items = [
            {
                "sku": sku,
                "title": sku.title(),
                "unit_price_minor": self.prices.get(sku),
                "price_version": 7,
                "currency": currency,
            }
            for sku in request.query_params.getlist("sku")
            if sku in self.stock
        ]
        return answer({"items": items})

    async def hold(self, request: Request) -> Response:
        body = await request.json()
        order_id = body["order_id"]
        assert request.headers["idempotency-key"].startswith("hld_")
        if self.before_hold is not None:
            await self.before_hold()
        if self.hold_refusal is not None:
            return problem(409, self.hold_refusal)
        wanted = {line["sku"]: line["quantity"] for line in body["lines"]}
        if order_id not in self.holds:
            short = [sku for sku in wanted if self.stock.get(sku, 0) < wanted[sku]]
            if short:
                return problem(
                    409, "out_of_stock", shortages=[{"sku": sku, "available": 0} for sku in short]
                )
            for sku, quantity in wanted.items():
                self.stock[sku] -= quantity
            self.holds[order_id] = wanted
        lines = [
            {
                "sku": sku,
                "title": sku.title(),
                "quantity": quantity,
                "unit_price_minor": self.prices[sku],
                "price_version": 7,
            }
            for sku, quantity in sorted(wanted.items())
        ]
        return answer({"order_id": order_id, "currency": body["currency"], "lines": lines}, 201)

    async def release(self, order_id: str) -> Response:
        if self.release_is_away:
            return Response(status_code=503)
        for sku, quantity in self.holds.pop(order_id, {}).items():
            self.stock[sku] += quantity
        self.released.append(order_id)
        return answer({"order_id": order_id, "state": "released"})


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


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def headers(token_factory: TokenFactory) -> Headers:
    cache: dict[tuple[str, bool], str] = {}

    def make(user: str = CUSTOMER, *, admin: bool = False) -> dict[str, str]:
        if (user, admin) not in cache:
            make_token = token_factory.admin if admin else token_factory
            # The longest tests outlast the five minutes a real token lives.
            cache[user, admin] = make_token(subject=user, exp=int(utc_now().timestamp()) + 3_600)
        return {"Authorization": f"Bearer {cache[user, admin]}"}

    return make


@pytest.fixture
async def running(
    settings_for: SettingsFor,
    client_for: Callable[[FastAPI], Awaitable[httpx.AsyncClient]],
    shop: Shop,
    headers: Headers,
) -> AsyncIterator[Running]:
    settings = settings_for(
        "order",
        role="api",
        cart_base_url="http://cart",
        user_base_url="http://user",
        product_base_url="http://product",
        resends_per_second=100_000,  # rationing has tests of its own, and would only slow these down
    )
    assert isinstance(settings, OrderSettings)
    app = create_app(settings)
    http = await client_for(app)
    # The calls to the neighbours end in the application above instead of on a socket.
    to_shop = httpx.AsyncClient(transport=httpx.ASGITransport(shop.application()))
    resources: Resources = replace(app.state.resources, http=to_shop)
    app.state.resources = resources
    yield Running(http, resources, shop, headers)
    await to_shop.aclose()
