"""Two small applications, one per mode, that count what they really did."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.database.base import shared_metadata
from libs.database.session import Database, SessionDep
from libs.errors import DomainError
from libs.idempotency.one_transaction import Idempotent, IdempotentRequired
from libs.idempotency.reply import Reply
from libs.idempotency.tables import idempotency_keys
from libs.idempotency.two_transactions import Claim, ResumableRequired
from libs.ids import new_id
from libs.privacy.columns import attach
from libs.privacy.keys import DataKeys
from libs.privacy.tables import data_keys, plain_text_transition
from libs.security.master_key import KeyFile, MasterKey
from libs.testing.apps import client_of
from libs.testing.settings import PATIENCE


class OutOfStock(DomainError):
    code: ClassVar[str] = "out_of_stock"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Out of stock"


class CardDeclined(DomainError):
    code: ClassVar[str] = "card_declined"
    status: ClassVar[int] = 402
    title: ClassVar[str] = "The card was declined"


class CalleeAway(DomainError):
    code: ClassVar[str] = "dependency_unavailable"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "Try again"


class Order(BaseModel):
    sku: str


class Made(BaseModel):
    made_id: str
    sku: str


@dataclass
class Shop:
    """The application under test, and the world around it."""

    app: FastAPI
    client: httpx.AsyncClient
    database: Database
    sql: asyncpg.Connection
    calls: list[str] = field(default_factory=list)
    resumed: list[bool] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    before_completion: asyncio.Event | None = None

    async def made(self) -> int:
        return int(await self.sql.fetchval("SELECT count(*) FROM made"))

    async def keys(self) -> int:
        return int(await self.sql.fetchval("SELECT count(*) FROM idempotency_keys"))

    async def end_leases(self) -> None:
        """What waiting for thirty seconds after a crash does."""
        await self.sql.execute("UPDATE idempotency_keys SET lease_until = now() - interval '1 s'")

    async def post(
        self, path: str, key: str | None = "k", sku: str = "MUG", **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            named["Idempotency-Key"] = key
        return await self.client.post(path, json={"sku": sku}, headers=named)


@pytest.fixture
def master_key(service_keys: Path) -> MasterKey:
    return KeyFile(service_keys / "order.master.json")


@pytest.fixture
async def shop(
    scratch_database: Database, scratch_database_url: str, master_key: MasterKey
) -> AsyncIterator[Shop]:
    sql = await asyncpg.connect(scratch_database_url)
    await sql.execute("CREATE TABLE made (id text PRIMARY KEY, sku text)")
    async with scratch_database.transaction() as session:
        await (await session.connection()).run_sync(
            lambda connection: shared_metadata.create_all(
                connection, tables=[idempotency_keys, data_keys, plain_text_transition]
            )
        )
    app = _app_on(scratch_database, master_key)
    async with client_of(app) as client:
        shop = Shop(app, client, scratch_database, sql)
        _add_one_transaction_routes(app, shop)
        _add_resumable_routes(app, shop)
        yield shop
    await sql.close()


@pytest.fixture
async def replicas(
    shop: Shop, scratch_database_url: str, master_key: MasterKey
) -> AsyncIterator[list[Shop]]:
    """Three processes of one service, as far as the database can tell; they share the shop's counters."""
    async with AsyncExitStack() as stack:
        found = []
        for number in range(3):
            database = Database(
                scratch_database_url, application_name=f"replica-{number}", patience=PATIENCE
            )
            stack.push_async_callback(database.close)
            app = _app_on(database, master_key)
            client = await stack.enter_async_context(client_of(app))
            replica = replace(shop, app=app, client=client, database=database)
            _add_one_transaction_routes(app, replica)
            _add_resumable_routes(app, replica)
            found.append(replica)
        yield found


def _app_on(database: Database, master_key: MasterKey) -> FastAPI:
    attach(database, DataKeys(database, master_key, "test"))
    app = FastAPI()
    app.state.database = database
    app.state.resources = SimpleNamespace(
        settings=SimpleNamespace(signing_secret=SecretStr("secret"))
    )
    app.add_exception_handler(DomainError, _problem)
    return app


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    return JSONResponse({"code": error.code}, error.status, error.headers)


def _principal(request: Request) -> None:
    subject = request.headers.get("Subject")
    if subject:
        request.state.principal = SimpleNamespace(subject=subject)


async def _act(shop: Shop, called_as: str) -> None:
    shop.calls.append(called_as)
    if shop.gate is not None:
        await shop.gate.wait()
    if shop.failure is not None:
        raise shop.failure


def _add_one_transaction_routes(app: FastAPI, shop: Shop) -> None:
    async def make(session: SessionDep, order: Order) -> Reply:
        made_id = new_id("mad")
        await session.execute(
            text("INSERT INTO made VALUES (:id, :sku)"), {"id": made_id, "sku": order.sku}
        )
        await _act(shop, made_id)
        return Reply(201, Made(made_id=made_id, sku=order.sku), {"Location": f"/made/{made_id}"})

    @app.post("/optional")
    async def optional(
        request: Request, order: Order, session: SessionDep, idempotent: Idempotent
    ) -> Response:
        _principal(request)
        return await idempotent.once(lambda: make(session, order))

    @app.post("/one")
    async def one(
        request: Request, order: Order, session: SessionDep, idempotent: IdempotentRequired
    ) -> Response:
        _principal(request)
        return await idempotent.once(lambda: make(session, order))

    @app.post("/one-other")
    async def one_other(
        order: Order, session: SessionDep, idempotent: IdempotentRequired
    ) -> Response:
        return await idempotent.once(lambda: make(session, order))


def _add_resumable_routes(app: FastAPI, shop: Shop) -> None:
    async def place(claim: Claim, order: Order) -> Reply:
        shop.claims.append(claim)
        shop.resumed.append(claim.resumed)
        await _act(shop, claim.resource_id)
        if shop.before_completion is not None:
            await shop.before_completion.wait()
        reply = Reply(201, Made(made_id=claim.resource_id, sku=order.sku))
        async with shop.database.transaction() as session:
            await session.execute(
                text("INSERT INTO made VALUES (:id, :sku)"),
                {"id": claim.resource_id, "sku": order.sku},
            )
            await claim.complete(session, reply)
        return reply

    @app.post("/two-other")
    async def two_other(order: Order, resumable: ResumableRequired) -> Response:
        return await resumable.run("ord", lambda claim: place(claim, order))

    @app.post("/two")
    async def two(request: Request, order: Order, resumable: ResumableRequired) -> Response:
        _principal(request)
        return await resumable.run("ord", lambda claim: place(claim, order))


def conflict() -> DBAPIError:
    """A lost serialization conflict, as the driver reports it."""
    original = asyncpg.SerializationError("could not serialize access")
    return DBAPIError("UPDATE", None, original)
