"""The commit trap: FastAPI ends `yield` dependencies after the response unless their scope is "function"."""

from typing import Annotated

import asyncpg
import httpx
import pytest
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Message

from libs.database.session import Database, SessionDep, request_session
from libs.testing.apps import client_of

TABLE = """
CREATE TABLE things (name text PRIMARY KEY);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'refused at commit'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.name = 'refused') EXECUTE FUNCTION refuse();
"""


@pytest.fixture
async def app(scratch_database: Database, scratch_database_url: str) -> FastAPI:
    connection = await asyncpg.connect(scratch_database_url)
    await connection.execute(TABLE)
    await connection.close()
    app = FastAPI()
    app.state.database = scratch_database

    @app.post("/things/{name}", status_code=201)
    async def add_thing(name: str, session: SessionDep) -> dict[str, str]:
        await session.execute(text("INSERT INTO things VALUES (:name)"), {"name": name})
        return {"name": name}

    @app.post("/tutorial/{name}", status_code=201)
    async def add_as_tutorials_do(
        name: str, session: Annotated[AsyncSession, Depends(request_session)]
    ) -> dict[str, str]:
        await session.execute(text("INSERT INTO things VALUES (:name)"), {"name": name})
        return {"name": name}

    return app


async def count(database: Database) -> int:
    async with database.transaction() as session:
        return int(str(await session.scalar(text("SELECT count(*) FROM things"))))


async def test_a_failing_commit_is_never_answered_2xx(
    app: FastAPI, scratch_database: Database
) -> None:
    async with client_of(app) as client:
        answer = await client.post("/things/refused")
    assert answer.status_code == 500
    assert await count(scratch_database) == 0


async def test_the_common_idiom_would_have_answered_201(
    app: FastAPI, scratch_database: Database
) -> None:
    async with client_of(app) as client:
        answer = await client.post("/tutorial/refused")
    assert answer.status_code == 201, "FastAPI has changed: SessionDep's scope may be reconsidered"
    assert await count(scratch_database) == 0


async def test_the_row_is_visible_before_the_first_byte_of_the_answer(
    app: FastAPI, scratch_database: Database
) -> None:
    seen: list[int] = []

    async def watching(scope: dict[str, object], receive: object, send: object) -> None:
        async def watched_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.append(await count(scratch_database))
            await send(message)  # type: ignore[operator]  # the server's

        await app(scope, receive, watched_send)  # type: ignore[arg-type]  # the server's

    transport = httpx.ASGITransport(watching)  # type: ignore[arg-type]  # an ASGI application
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        assert (await client.post("/things/a")).status_code == 201
    assert seen == [1]


async def test_an_error_in_the_route_rolls_back(app: FastAPI, scratch_database: Database) -> None:
    @app.post("/failing")
    async def fail(session: SessionDep) -> None:
        await session.execute(text("INSERT INTO things VALUES ('a')"))
        raise ZeroDivisionError

    async with client_of(app) as client:
        assert (await client.post("/failing")).status_code == 500
    assert await count(scratch_database) == 0


async def test_all_dependencies_of_a_request_share_one_session(
    app: FastAPI, scratch_database: Database
) -> None:
    async def remember(session: SessionDep) -> int:
        await session.execute(text("INSERT INTO things VALUES ('by dependency')"))
        return id(session)

    @app.get("/shared")
    async def share(session: SessionDep, other: int = Depends(remember)) -> bool:  # noqa: FAST002 - local
        return id(session) == other

    async with client_of(app) as client:
        assert (await client.get("/shared")).json() is True
