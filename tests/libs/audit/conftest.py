"""A schema's audit log as its application sees it, and the same as somebody who may do anything sees it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from libs.audit.log import AuditLog
from libs.audit.sealing import Sealer
from libs.database.session import Database
from libs.testing.databases import Databases
from libs.testing.settings import PATIENCE

SERVICE = "cart"


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    opened = Database(databases.url(SERVICE), application_name="test-audit", patience=PATIENCE)
    yield opened
    await opened.close()


@pytest.fixture
async def intruder(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    """A superuser for whom no trigger and no foreign key is in the way."""
    connection = await asyncpg.connect(
        databases.url(SERVICE, "superuser"),
        server_settings={"search_path": "shop_cart", "session_replication_role": "replica"},
    )
    yield connection
    await connection.close()


async def record(database: Database, *subjects: str) -> None:
    async with database.transaction() as session:
        for subject in subjects:
            await AuditLog(session).record("price.changed", "usr_1", subject, new_minor=100)


async def record_and_seal(database: Database, *subjects: str) -> None:
    await record(database, *subjects)
    await Sealer(database).run()
