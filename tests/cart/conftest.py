"""The cart service in this process, with product's answers served by a small application."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import httpx
import pytest
from fastapi import FastAPI

from libs.contracts import Event
from libs.contracts.product import ProductChanged, VariantPrice, VariantState
from libs.messaging.handlers import HandlerContext
from libs.runtime.resources import Resources
from libs.testing.builders import envelope_of
from libs.testing.plugin import SettingsFor
from libs.testing.tokens import TokenFactory
from services.cart.consumers import handlers
from services.cart.main import create_app

USER = "usr_" + "1" * 32
OTHER = "usr_" + "2" * 32

Headers = Callable[..., dict[str, str]]


@dataclass
class Product:
    """What product sells, in USD; asked through the real client."""

    prices: dict[str, int] = field(default_factory=lambda: {"MUG": 1000, "CUP": 500})
    asked: int = 0

    def application(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/variants")
        async def list_variants(sku: str, currency: str) -> dict[str, Any]:
            self.asked += 1
            if sku not in self.prices or currency != "USD":
                return {"items": []}
            item = {
                "sku": sku,
                "product_id": "prd_" + "1" * 32,
                "title": sku.title(),
                "status": "active",
                "currency": currency,
                "unit_price_minor": self.prices[sku],
                "price_version": 1,
                "available": 10,
            }
            return {"items": [item]}

        return app


@dataclass
class Running:
    """The running service: its HTTP client and its resources."""

    http: httpx.AsyncClient
    resources: Resources
    product: Product

    async def open(self, headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self.http.post("/v1/carts", json={}, headers=headers or {})
        assert answer.status_code in {200, 201}, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def add(
        self, cart_id: str, headers: dict[str, str], sku: str = "MUG", quantity: int = 1
    ) -> httpx.Response:
        return await self.http.post(
            f"/v1/carts/{cart_id}/items",
            json={"sku": sku, "quantity": quantity},
            headers=headers,
        )

    async def tell(self, event: Event, version: int) -> None:
        """Handle an event as the consumer would, in one transaction."""
        envelope = envelope_of(event, version=version, source="product")
        async with self.resources.database.transaction() as session:
            context = HandlerContext(envelope, session, self.resources.outbox(session))
            handler = handlers(self.resources)[type(event)]
            assert callable(handler)
            await handler(event, context)


@pytest.fixture
async def running(
    settings_for: SettingsFor, client_for: Callable[[FastAPI], Awaitable[httpx.AsyncClient]]
) -> AsyncIterator[Running]:
    app = create_app(settings_for("cart", role="api", product_base_url="http://product"))  # type: ignore[arg-type]  # cart's own
    http = await client_for(app)
    product = Product()
    to_product = httpx.AsyncClient(transport=httpx.ASGITransport(product.application()))
    resources: Resources = replace(app.state.resources, http=to_product)
    app.state.resources = resources
    yield Running(http, resources, product)
    await to_product.aclose()


@pytest.fixture
def headers(token_factory: TokenFactory) -> Headers:
    def make(user_id: str = USER) -> dict[str, str]:
        return {"Authorization": f"Bearer {token_factory(subject=user_id)}"}

    return make


def product_changed(
    price: int, status: Literal["active", "archived"] = "active", sku: str = "MUG"
) -> ProductChanged:
    """Return the event of a product with one variant at this price."""
    variant = VariantState(
        sku=sku,
        title="Large",
        prices=(VariantPrice(currency="USD", amount_minor=price, version=price),),
    )
    return ProductChanged(
        product_id="prd_" + "1" * 32,
        slug="mug",
        title="Mug",
        status=status,
        variants=(variant,),
    )
