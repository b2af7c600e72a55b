"""A database with only the messaging tables, and a broker with the routing table's topology."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import text

from libs.contracts.message import Message
from libs.database.session import Database
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.consumer import Consumer
from libs.messaging.handlers import Handlers
from libs.messaging.outbox import Outbox
from libs.messaging.partitions import bound_message_tables, part_message_tables
from libs.messaging.routing import Queue
from libs.messaging.tables import create_messaging_tables
from libs.messaging.topology import declare
from libs.testing.broker import MemoryBroker
from tests.libs.messaging.early import Orders
from tests.libs.messaging.traffic import EVENTS, REGION, Make, OutboxOf


class _Statements:
    """Stands in for alembic's `op`: collects the SQL."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def execute(self, sqltext: str, /) -> None:
        self.executed.append(sqltext)


@pytest.fixture
async def database(scratch_database: Database) -> Database:
    op = _Statements()
    create_messaging_tables(op)
    bound_message_tables(op)
    part_message_tables(op)
    async with scratch_database.transaction() as session:
        for statement in op.executed:
            await session.execute(text(statement))
    return scratch_database


@pytest.fixture
def wake() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def outbox_of(wake: asyncio.Event) -> OutboxOf:
    return lambda session: Outbox(session, "order", REGION, wake.set)


@pytest.fixture
async def aws(aws_endpoint_url: str, messaging_prefix: str) -> AsyncIterator[AwsBroker]:
    async with open_broker(
        region=REGION, endpoint_url=aws_endpoint_url, prefix=messaging_prefix
    ) as broker:
        await declare(broker)
        yield broker


@pytest.fixture
def add(database: Database, outbox_of: OutboxOf) -> Callable[..., Awaitable[list[str]]]:
    """Commit messages to the outbox in one transaction; versions count from `version`."""

    async def add(*messages: Message, version: int = 1) -> list[str]:
        async with database.transaction() as session:
            outbox = outbox_of(session)
            return [
                await outbox.add(message, aggregate_version=version + n)
                for n, message in enumerate(messages)
            ]

    return add


@pytest.fixture
def orders(database: Database, outbox_of: OutboxOf) -> Orders:
    return Orders(database, outbox_of)


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def consumer(database: Database, broker: MemoryBroker, outbox_of: OutboxOf) -> Make:
    def make(handlers: Handlers, queue: Queue = EVENTS, **changes: object) -> Consumer:
        arguments: dict[str, object] = {
            "queue": queue,
            "handlers": handlers,
            "database": database,
            "broker": broker,
            "outbox_of": outbox_of,
            "wait_seconds": 1,
            "redelivery_seconds": 0,
            **changes,
        }
        return Consumer(**arguments)  # type: ignore[arg-type] # the tests replace single arguments

    return make
