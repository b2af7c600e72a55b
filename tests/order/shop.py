"""Cart, user and product as order knows them, played by a small application that checks real tokens."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import TypeAdapter

CUSTOMER = "usr_" + "1" * 32
OTHER = "usr_" + "2" * 32
CART = "crt_" + "a" * 32
ADDRESS = "adr_" + "b" * 32


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
