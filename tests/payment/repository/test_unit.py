"""Units of work share the pool with the requests of the same process."""

import asyncio
from dataclasses import dataclass, field

from libs.database.session import Database, Patience
from libs.testing.databases import Databases
from services.payment.repository.unit import Unit, Units
from tests.payment.conftest import outbox_of

POOL, AT_ONCE = 3, 2


@dataclass
class Crowd:
    """Work that stays inside its transaction until it is let out."""

    inside: int = 0
    most: int = 0
    let_out: asyncio.Event = field(default_factory=asyncio.Event)
    full: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self, unit: Unit) -> None:
        await unit.ledger.balances()
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == AT_ONCE:
            self.full.set()
        await self.let_out.wait()
        self.inside -= 1


async def test_a_crowd_of_calls_leaves_connections_for_requests(databases: Databases) -> None:
    database = Database(
        databases.url("payment"),
        application_name="test-crowd",
        pool_size=POOL,
        patience=Patience(connection=5),
    )
    units, crowd = Units(database, outbox_of, at_once=AT_ONCE), Crowd()
    tasks = [asyncio.create_task(units.run(crowd.work)) for _ in range(5 * POOL)]
    try:
        await crowd.full.wait()
        async with database.transaction() as session:
            assert not (await session.connection()).closed
    finally:
        crowd.let_out.set()
        await asyncio.gather(*tasks)
        await database.close()
    assert crowd.most == AT_ONCE
