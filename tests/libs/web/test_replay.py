"""A real deadlock in a real PostgreSQL: the loser's request is run again, and both callers are served."""

import asyncio

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import text

from libs.database.session import Database, SessionDep
from tests.libs.web.conftest import AppOf, client_of

router = APIRouter()


@router.post("/swap/{first}/{second}")
async def swap(first: int, second: int, session: SessionDep) -> list[int]:
    for row in (first, second):
        await session.execute(
            text("UPDATE shelves SET pieces = pieces + 1 WHERE id = :id"), {"id": row}
        )
        # Gives the other transaction the time to take its first row.
        await session.execute(text("SELECT pg_sleep(0.05)"))
    return [first, second]


@pytest.fixture
async def app(app_of: AppOf, scratch_database: Database) -> FastAPI:
    async with scratch_database.transaction() as session:
        await session.execute(text("CREATE TABLE shelves (id int PRIMARY KEY, pieces int)"))
        await session.execute(text("INSERT INTO shelves VALUES (1, 0), (2, 0)"))
    app = app_of(router)
    app.state.database = scratch_database
    return app


async def test_both_sides_of_a_deadlock_are_served_exactly_once(
    app: FastAPI, scratch_database: Database
) -> None:
    async with client_of(app) as client:
        answers = await asyncio.gather(client.post("/swap/1/2"), client.post("/swap/2/1"))
    assert [answer.status_code for answer in answers] == [200, 200]
    async with scratch_database.transaction() as session:
        rows = await session.execute(text("SELECT id, pieces FROM shelves ORDER BY id"))
        assert rows.all() == [(1, 2), (2, 2)]
