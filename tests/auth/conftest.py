"""The service in this process, with people who use it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.dialects.postgresql import insert
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from libs.database.session import Database
from libs.security.master_key import KeyFile
from libs.testing.background import BackgroundLoop
from libs.testing.plugin import SettingsFor
from libs.testing.waiting import FrozenClock
from services.auth.dependencies import PartsDep
from services.auth.dependencies.credentials import factor_judge
from services.auth.main import create_app
from services.auth.models import SigningKey
from services.auth.service.factor_judge import FactorJudge
from services.auth.service.making_keys import make_key
from services.auth.service.sealing import PrivateKeys
from services.auth.settings import AuthSettings

PASSWORD = "correct horse battery"
_numbers = count(1)

ClientFor = Callable[[FastAPI], Awaitable[httpx.AsyncClient]]
StartAuth = Callable[..., Awaitable[httpx.AsyncClient]]


@dataclass
class Person:
    """An account and the newest tokens of one of its sessions."""

    client: httpx.AsyncClient
    email: str
    user_id: str
    tokens: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def refresh(self, token: str | None = None) -> httpx.Response:
        presented = token or self.tokens["refresh_token"]
        return await self.client.post("/v1/auth/refresh", json={"refresh_token": presented})

    async def log_in(self, **headers: str) -> "Person":
        response = await log_in(self.client, self.email, headers=headers)
        assert response.status_code == 200, response.text
        return Person(self.client, self.email, self.user_id, response.json())


async def log_in(
    client: httpx.AsyncClient,
    email: str,
    password: str = PASSWORD,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    return await client.post(
        "/v1/auth/login", json={"email": email, "password": password}, headers=headers
    )


async def register(
    client: httpx.AsyncClient, email: str | None = None, password: str = PASSWORD
) -> Person:
    address = email or f"person-{next(_numbers)}@example.com"
    body = {"email": address, "password": password, "display_name": "Ada"}
    response = await client.post("/v1/auth/register", json=body)
    assert response.status_code == 201, response.text
    return Person(client, address, response.json()["user_id"], {})


@cache
def key_rows(master_key: str, region: str) -> list[dict[str, object]]:
    """Make the signing keys a first start would make, once: that is the slow part of a start."""
    private_keys = PrivateKeys(KeyFile(Path(master_key.removeprefix("file:"))))
    loop = BackgroundLoop()
    keys = [loop.run(make_key(private_keys, region, status)) for status in ("current", "next")]
    loop.close()
    names = ("kid", "region", "status", "public_jwk", "private_key_encrypted", "wrapped_by")
    return [{name: getattr(key, name) for name in names} for key in keys]


@pytest.fixture
def code_clock() -> FrozenClock:
    """What time it is for the codes of apps: no step ends between showing a code and judging it."""
    return FrozenClock()


@pytest.fixture
def start_auth(
    client_for: ClientFor, settings_for: SettingsFor, database: Database, code_clock: FrozenClock
) -> StartAuth:
    """Starts the API with settings of the test's own."""

    async def judge_of_codes(parts: PartsDep) -> FactorJudge:
        return FactorJudge(parts.relying_party, code_clock)

    async def start(**overrides: object) -> httpx.AsyncClient:
        settings = settings_for("auth", **{"role": "api", **overrides})
        assert isinstance(settings, AuthSettings)
        async with database.transaction() as session:
            new = insert(SigningKey).values(key_rows(settings.master_key, settings.region))
            await session.execute(new.on_conflict_do_nothing())
        app = create_app(settings)
        app.dependency_overrides[factor_judge] = judge_of_codes
        # As the server does in front of a gateway: lets a test come from any address.
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts="127.0.0.1")
        return await client_for(app)

    return start


@pytest.fixture
async def client(start_auth: StartAuth) -> httpx.AsyncClient:
    return await start_auth(login_attempts_per_address=100_000, registrations_per_address=100_000)


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> Person:
    """Somebody who is logged in."""
    return await (await register(client)).log_in()
