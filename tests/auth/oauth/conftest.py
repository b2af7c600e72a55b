"""Applications, and people with browsers who use them."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from libs.audit.log import SYSTEM
from libs.clock import SystemClock
from libs.database.session import Database
from libs.testing.tokens import AUDIENCE
from services.auth.schemas.oauth import ClientRegistration
from services.auth.service.oauth.clients import Clients
from tests.auth.conftest import PASSWORD, Person, register
from tests.auth.oauth.application import REDIRECT_URI, Application
from tests.auth.oauth.browser import Browser

RegisterApplication = Callable[..., Awaitable[Application]]


@pytest.fixture
def application(client: httpx.AsyncClient, database: Database) -> RegisterApplication:
    """Registers applications: `await application("shop", scopes=[...])`."""

    async def make(client_id: str = "shop-web", **changes: object) -> Application:
        registration = ClientRegistration.model_validate(
            {
                "client_id": client_id,
                "name": "The <Shop>",
                "confidential": True,
                "redirect_uris": [REDIRECT_URI],
                "post_logout_redirect_uris": ["https://shop.example/bye"],
                "scopes": ["openid", "profile", "email", "offline_access", "orders:read"],
                "grants": ["authorization_code", "refresh_token"],
                "trusted": True,
                **changes,
            }
        )
        secret = await Clients(database, SystemClock(), AUDIENCE).create(registration, SYSTEM)
        addresses = registration.redirect_uris or [REDIRECT_URI]
        return Application(client, client_id, secret, addresses[0])

    return make


@pytest.fixture
async def shop(application: RegisterApplication) -> Application:
    """One of our own applications, that asks nobody for consent."""
    return await application()


@pytest.fixture
async def partner(application: RegisterApplication) -> Application:
    """Somebody else's application."""
    return await application("partner", trusted=False)


@pytest.fixture
async def person(client: httpx.AsyncClient) -> Person:
    """Somebody with an account."""
    return await register(client)


@pytest.fixture
def browser(client: httpx.AsyncClient) -> Browser:
    """A browser nobody is logged in with."""
    return Browser(client)


@pytest.fixture
async def logged_in(browser: Browser, person: Person) -> Browser:
    """The person's browser, logged in here."""
    await browser.open("/login")
    await browser.submit(email=person.email, password=PASSWORD)
    return browser
