"""A shop with a connection for each of 64 buyers, for tests in which they all act at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeVar

from sqlalchemy import text

from libs.database.session import Database
from libs.testing.databases import Databases
from libs.testing.settings import PATIENCE
from libs.testing.waiting import eventually
from services.product.domain.reservations import Reservation
from services.product.errors import OutOfStock
from tests.product.shop import Shop

BUYERS: Final = 64

T = TypeVar("T")


@asynccontextmanager
async def open_shop(databases: Databases) -> AsyncIterator[Shop]:
    """Open a shop whose connections are there before the first buyer comes."""
    database = Database(
        databases.url("product"),
        application_name="test-buyers",
        pool_size=BUYERS,
        patience=PATIENCE,
    )
    async with AsyncExitStack() as connected:
        for _ in range(BUYERS):
            session = await connected.enter_async_context(database.transaction())
            await session.execute(text("SELECT 1"))
    yield Shop(database)
    await database.close()


async def all_at_once(work: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run everything, 64 at a time; whatever fails but a refusal fails the test."""
    queue = asyncio.Semaphore(BUYERS)

    async def one(act: Callable[[], Awaitable[T]]) -> T:
        async with queue:
            return await act()

    return await asyncio.gather(*(one(act) for act in work))


async def try_to_hold(
    shop: Shop, lines: Mapping[str, int], *, ttl: float = 600
) -> tuple[Reservation | None, Sequence[Mapping[str, object]]]:
    """Return the hold, or the shortages that refused it."""
    try:
        return await shop.hold(lines, ttl=ttl), ()
    except OutOfStock as refused:
        shortages = refused.extensions["shortages"]
        assert isinstance(shortages, list)
        return None, shortages


async def until_somebody_waits(database: Database) -> None:
    """Return once a session waits for a lock."""

    async def waits() -> bool:
        async with database.transaction() as session:
            return bool(
                await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            )

    await eventually(waits)
