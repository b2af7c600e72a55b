"""The user service in this process, with auth's answers served by a small application on loopback."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from libs.runtime.resources import Resources
from libs.testing.plugin import SettingsFor
from libs.testing.tokens import CUSTOMER_SCOPES, TokenFactory
from services.user.main import create_app
from services.user.settings import UserSettings

USER = "usr_" + "1" * 32
OTHER = "usr_" + "2" * 32

Headers = Callable[..., dict[str, str]]


@dataclass
class Auth:
    """Who auth knows, and what order knows of them; asked through the real clients, over their transport."""

    names: dict[str, str] = field(default_factory=lambda: {USER: "Ada", OTHER: "Bob"})
    asked: int = 0
    is_away: bool = False
    closed: list[str] = field(default_factory=list)
    open_orders: dict[str, int] = field(default_factory=dict)

    def application(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/identities/{user_id}")
        async def get_identity(user_id: str, request: Request) -> Response:
            self.asked += 1
            assert request.headers["service-authorization"].startswith("Bearer ")
            if self.is_away:
                return Response(status_code=503)
            if user_id not in self.names:
                return Response(
                    b'{"status":404,"code":"identity_not_found","title":"","detail":""}',
                    404,
                    media_type="application/problem+json",
                )
            name = self.names[user_id]
            return Response(
                f'{{"user_id":"{user_id}","display_name":"{name}","email":"{name}@example.org",'
                '"home_region":"us-east-1"}',
                media_type="application/json",
            )

        self._answer_about_privacy(app)
        return app

    def _answer_about_privacy(self, app: FastAPI) -> None:
        @app.post("/v1/identities/{user_id}/closure")
        async def close_identity(user_id: str) -> Response:
            if self.is_away:
                return Response(status_code=503)
            self.closed.append(user_id)
            return Response(status_code=204)

        @app.get("/v1/users/{user_id}/open-orders")
        async def count_open_orders(user_id: str) -> dict[str, int]:
            return {"open_orders": self.open_orders.get(user_id, 0)}

        @app.get("/v1/users/{user_id}/personal-data")
        async def export_personal_data(user_id: str) -> JSONResponse:
            if self.is_away:
                return JSONResponse({}, 503)
            return JSONResponse({"tables": {"carts": [{"user_id": user_id, "currency": "USD"}]}})


@dataclass
class Running:
    """The running service: its HTTP client and its resources."""

    http: httpx.AsyncClient
    resources: Resources
    auth: Auth


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
async def running(
    settings_for: SettingsFor,
    client_for: Callable[[FastAPI], Awaitable[httpx.AsyncClient]],
    auth: Auth,
) -> AsyncIterator[Running]:
    settings = settings_for("user", role="api", auth_base_url="http://auth")
    assert isinstance(settings, UserSettings)
    app = create_app(settings)
    http = await client_for(app)
    # The calls to auth end in the application above instead of on a socket.
    to_auth = httpx.AsyncClient(transport=httpx.ASGITransport(auth.application()))
    resources: Resources = replace(app.state.resources, http=to_auth)
    app.state.resources = resources
    yield Running(http, resources, auth)
    await to_auth.aclose()


@pytest.fixture
def headers(token_factory: TokenFactory) -> Headers:
    def make(user_id: str = USER, scopes: str = CUSTOMER_SCOPES) -> dict[str, str]:
        return {"Authorization": f"Bearer {token_factory(subject=user_id, scopes=scopes)}"}

    return make
