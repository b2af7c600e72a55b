"""Payment's application, asked in this process."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from libs.testing.plugin import SettingsFor
from services.payment.main import create_app
from services.payment.settings import PaymentSettings

StartApp = Callable[[FastAPI], Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def client(settings_for: SettingsFor, client_for: StartApp) -> httpx.AsyncClient:
    settings = settings_for(
        "payment",
        role="api",
        webhook_secret=SecretStr("live"),
        webhook_secret_previous=SecretStr("previous"),
        stripe_webhook_secret=SecretStr("live"),
        stripe_webhook_secret_previous=SecretStr("previous"),
    )
    assert isinstance(settings, PaymentSettings)
    return await client_for(create_app(settings))
