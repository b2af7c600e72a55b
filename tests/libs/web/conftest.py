"""Applications to look at: through ASGI where that is enough, through a real server where sockets matter."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from typing_extensions import override

from libs.settings import ServiceSettings
from libs.web.app import add_defaults, add_health, new_app
from libs.web.client import ServiceClient
from tests.libs.web.callee import Callee, calling

AppOf = Callable[[APIRouter], FastAPI]


class Settings(ServiceSettings):
    service: ClassVar[str] = "order"


@pytest.fixture
def settings() -> Settings:
    return Settings(
        environment="test",
        region="us-east-1",
        database_url=SecretStr("postgresql://nowhere"),
        redis_url=SecretStr("redis://nowhere"),
        issuer="http://issuer",
        jwks_url="http://issuer/jwks",
        service_key_file=Path("none"),
        trust_bundle_file=Path("none"),
        signing_secret=SecretStr("cursor secret" * 3),
        master_key="kms:alias/none",
    )


@pytest.fixture
def app_of(settings: Settings) -> AppOf:
    def build(router: APIRouter) -> FastAPI:
        app = new_app("order", "Orders")
        add_defaults(app, settings)
        add_health(app, {})
        app.include_router(router)
        return app

    return build


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """An in-process client that lets exceptions of the application through, so that none goes unnoticed."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://order.test"
    ) as client:
        yield client


class _Server(uvicorn.Server):
    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals stay with pytest


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Run the application on a real server and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = _Server(
            uvicorn.Config(
                app, http="httptools", ws="none", log_config=None, timeout_graceful_shutdown=1
            )
        )
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(10):
                while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
                    await asyncio.sleep(0.005)
            yield address
        finally:
            server.should_exit = True
            await running


@pytest.fixture
def callee() -> Callee:
    return Callee()


@pytest.fixture
async def client(callee: Callee, app_of: AppOf) -> AsyncIterator[ServiceClient]:
    async with serving(app_of(callee.router())) as address, calling(address) as client:
        yield client
