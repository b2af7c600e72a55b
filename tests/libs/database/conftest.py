"""A table with a constraint that fails only at COMMIT."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import (
    Database,
)

DEFERRED_REFUSAL = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'refused at commit'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.name = 'refused') EXECUTE FUNCTION refuse();
"""


@pytest.fixture
async def things(
    scratch_database: Database, scratch_database_url: str
) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(scratch_database_url)
    await connection.execute("CREATE TABLE things (name text PRIMARY KEY, n int DEFAULT 0)")
    await connection.execute(DEFERRED_REFUSAL)
    yield connection
    await connection.close()


async def add(session: AsyncSession, name: str) -> None:
    await session.execute(text("INSERT INTO things (name) VALUES (:name)"), {"name": name})


async def names(connection: asyncpg.Connection) -> list[str]:
    return [row["name"] for row in await connection.fetch("SELECT name FROM things ORDER BY 1")]
