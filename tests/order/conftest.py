"""The order service in this process, in front of neighbours that are played."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from libs.clock import utc_now
from libs.runtime.resources import Resources
from libs.testing.flags import FlagsFile
from libs.testing.plugin import SettingsFor
from libs.testing.tokens import TokenFactory
from services.order.main import create_app
from services.order.settings import OrderSettings
from tests.order.running import Headers, Running
from tests.order.shop import CUSTOMER, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def headers(token_factory: TokenFactory) -> Headers:
    cache: dict[tuple[str, bool], str] = {}

    def make(user: str = CUSTOMER, *, admin: bool = False) -> dict[str, str]:
        if (user, admin) not in cache:
            make_token = token_factory.admin if admin else token_factory
            # The longest tests outlast the five minutes that a real token and a proof of who it is live.
            later = int(utc_now().timestamp()) + 3_600
            cache[user, admin] = make_token(subject=user, exp=later, auth_time=later)
        return {"Authorization": f"Bearer {cache[user, admin]}"}

    return make


@pytest.fixture
def flags(tmp_path: Path) -> FlagsFile:
    """What is turned off; the service reads it where a test asks for it."""
    return FlagsFile(tmp_path / "flags.json")


@pytest.fixture
async def running(
    request: pytest.FixtureRequest,
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
        flags=request.getfixturevalue("flags").place if "flags" in request.fixturenames else None,
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
