"""Fixtures of product's tests."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from libs.database.session import Database
from libs.testing.plugin import SettingsFor
from libs.testing.tokens import TokenFactory
from services.product.main import create_app
from services.product.settings import ProductSettings
from tests.product.shop import Shop


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


@pytest.fixture
def product_app(settings_for: SettingsFor) -> FastAPI:
    settings = settings_for("product", role="api")
    assert isinstance(settings, ProductSettings)
    return create_app(settings)


@pytest.fixture
async def client(
    product_app: FastAPI, client_for: Callable[[FastAPI], Awaitable[httpx.AsyncClient]]
) -> httpx.AsyncClient:
    return await client_for(product_app)


@pytest.fixture
def as_admin(token_factory: TokenFactory) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_factory.admin()}"}


@pytest.fixture
def as_order(service_token: Callable[[str, str], str]) -> dict[str, str]:
    return {"Service-Authorization": f"Bearer {service_token('order', 'product')}"}
