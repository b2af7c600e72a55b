"""A database with only the messaging tables, and a broker with the routing table's topology."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.contracts.message import Amount, Message
from libs.contracts.order import OrderPlaced
from libs.database.session import Database
from libs.messaging.broker import AwsBroker, open_broker
from libs.messaging.outbox import Outbox
from libs.messaging.partitions import bound_message_tables, part_message_tables
from libs.messaging.tables import create_messaging_tables
from libs.messaging.topology import declare

REGION = "us-east-1"


class Loop(Protocol):
    async def run(self, stop: asyncio.Event) -> None: ...


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
def outbox_of(wake: asyncio.Event) -> Callable[[AsyncSession], Outbox]:
    return lambda session: Outbox(session, "order", REGION, wake.set)


@pytest.fixture
async def aws(aws_endpoint_url: str, messaging_prefix: str) -> AsyncIterator[AwsBroker]:
    async with open_broker(
        region=REGION, endpoint_url=aws_endpoint_url, prefix=messaging_prefix
    ) as broker:
        await declare(broker)
        yield broker


@pytest.fixture
def add(
    database: Database, outbox_of: Callable[[AsyncSession], Outbox]
) -> Callable[..., Awaitable[list[str]]]:
    """Commit messages to the outbox in one transaction; versions count from `version`."""

    async def add(*messages: Message, version: int = 1) -> list[str]:
        async with database.transaction() as session:
            outbox = outbox_of(session)
            return [
                await outbox.add(message, aggregate_version=version + n)
                for n, message in enumerate(messages)
            ]

    return add


def placed(order_id: str = "ord_1", *, cart_version: int = 1) -> OrderPlaced:
    return OrderPlaced(
        order_id=order_id,
        user_id="usr_1",
        home_region=REGION,
        cart_id="crt_1",
        cart_version=cart_version,
        lines=(),
        total=Amount(amount_minor=100, currency="USD"),
    )


@asynccontextmanager
async def running(*loops: Loop) -> AsyncIterator[asyncio.Event]:
    """Run loops until the block ends, then stop them and let what they raised be seen."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(loop.run(stop)) for loop in loops]
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.gather(*tasks)
