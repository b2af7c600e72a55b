import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select, text, update

from libs.database.session import Database
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import Handlers
from libs.messaging.processing import Processor
from libs.messaging.tables import outbox_messages
from libs.money import Money
from libs.testing.databases import Databases
from libs.testing.scale import trials
from libs.testing.settings import PATIENCE
from libs.topology import MASTER_REGION
from services.cart.consumers import handlers
from services.cart.service.rebuild import Rebuild, RebuildStalledError
from services.product.service.retelling import OutboxStalledError, Retelling
from tests.cart.conftest import Running
from tests.product.shop import Shop

OUTBOX = outbox_messages.c
TYPES = {"product.changed.v1", "stock.changed.v1"}


@dataclass
class Post:
    """Carries product's outbox to cart's handlers: unordered, and one message in ten twice."""

    source: Database
    processor: Processor
    random: random.Random

    async def carry(self) -> int:
        """Carry what waits now; return how many messages that was."""
        async with self.source.transaction() as session:
            rows = await session.execute(
                update(outbox_messages)
                .where(OUTBOX.published_at.is_(None))
                .values(published_at=text("now()"))
                .returning(OUTBOX.envelope)
            )
            envelopes = [Envelope.from_json(one) for one in rows.scalars()]
        envelopes = [one for one in envelopes if one.type in TYPES]
        twice = [one for one in envelopes if self.random.random() < 0.1]
        for envelope in self.random.sample(envelopes + twice, len(envelopes) + len(twice)):
            await self.processor.process(envelope)
        return len(envelopes)

    @asynccontextmanager
    async def carrying(self) -> AsyncIterator[None]:
        stop = asyncio.Event()

        async def until_stopped() -> None:
            while not stop.is_set():
                if not await self.carry():
                    await asyncio.sleep(0.01)

        task = asyncio.create_task(until_stopped())
        try:
            yield
        finally:
            stop.set()  # never cancelled: what it has taken it delivers
            await task
        await self.carry()


@dataclass
class Market:
    """Product's own code at work, and the projection cart makes of it."""

    shop: Shop
    cart: Database
    post: Post
    random: random.Random
    skus: list[str] = field(default_factory=list)

    async def change(self, steps: int) -> None:
        """Let prices, stock and products change at random."""
        for _ in range(steps):
            await self.random.choice(
                (self._add_product, self._receive, self._receive, self._sell, self._price)
            )()

    async def _add_product(self) -> None:
        number = len(self.skus)
        skus = [f"SKU-{number}-{letter}" for letter in "AB"[: self.random.randint(1, 2)]]
        await self.shop.product(
            f"product-{number}", stock={sku: self.random.randint(0, 20) for sku in skus}
        )
        self.skus += skus

    async def _receive(self) -> None:
        if self.skus:
            await self.shop.receive(self.random.choice(self.skus), self.random.randint(1, 9))

    async def _sell(self) -> None:
        sku = self.random.choice(self.skus) if self.skus else ""
        if sku and (await self.shop.level(sku)).available:
            held = await self.shop.hold({sku: 1})
            if self.random.random() < 0.5:
                await self.shop.sell(held.order_id)

    async def _price(self) -> None:
        if not self.skus:
            return
        sku = self.random.choice(self.skus)
        product_id = (await self.shop.level(sku)).product_id
        async with self.shop.editor() as editor:
            await editor.put_price(
                product_id,
                sku,
                Money(self.random.randint(1, 10_000), "USD"),
                "usr_test",
                lambda _: None,
            )

    def anew(self) -> Rebuild:
        return Rebuild(self.cart, look_seconds=0.02)

    async def digest(self) -> str:
        return (await self.anew().checksum()).digest

    async def rebuild(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> int:
        """Rebuild as the commands do; return how many rows were of nothing that exists."""
        told: list[str] = []
        since = await self.anew().begin()
        retelling = Retelling(
            self.shop.database,
            MASTER_REGION,
            told=lambda kind, sku: told.append(f"{kind} {sku}"),
            page=7,
        )
        async with self.post.carrying():
            await asyncio.gather(retelling.run(), *([meanwhile()] if meanwhile else []))
            return await self.anew().finish(since, told)

    async def sql(self, statement: str) -> list[object]:
        async with self.cart.transaction() as session:
            result = await session.execute(text(statement))
            return list(result.scalars()) if statement.startswith("SELECT") else []


@pytest.fixture
async def market(running: Running, databases: Databases) -> AsyncIterator[Market]:
    source = Database(databases.url("product"), application_name="test-product", patience=PATIENCE)
    cart = running.resources.database
    table: Handlers = handlers(running.resources)
    processor = Processor(
        consumer="cart-inbox",
        handlers=table,
        database=cart,
        outbox_of=running.resources.outbox,
        transactions=2,
    )
    chance = random.Random(7)  # noqa: S311 - a history to repeat, not a secret
    yield Market(Shop(source), cart, Post(source, processor, chance), chance)
    await source.close()


@pytest.mark.parametrize("seed", range(trials(2, 30)))
async def test_any_history_gives_the_same_checksum_when_it_is_told_anew(
    market: Market, seed: int
) -> None:
    market.random.seed(seed)
    await market.change(15)
    await market.post.carry()
    lived = await market.digest()
    assert await market.rebuild() == 0
    assert await market.digest() == lived

    await market.sql("DELETE FROM known_variants")
    await market.sql("DELETE FROM known_stock")
    await market.rebuild()
    assert await market.digest() == lived, "from scratch"


@pytest.mark.parametrize("seed", range(trials(2, 30)))
async def test_changes_that_happen_meanwhile_are_neither_lost_nor_undone(
    market: Market, seed: int
) -> None:
    market.random.seed(seed)
    await market.change(12)
    await market.post.carry()
    await market.rebuild(meanwhile=lambda: market.change(12))
    await market.post.carry()
    lived = await market.digest()
    assert await market.rebuild() == 0
    assert await market.digest() == lived


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE known_variants SET prices = '{}'",
        "UPDATE known_variants SET product_version = 1000000, title = 'wrong'",
        "UPDATE known_stock SET available = 7, stock_version = 1000000",
        "DELETE FROM known_variants WHERE sku LIKE '%A'",
        "DELETE FROM known_stock",
        "INSERT INTO known_variants (sku, product_id, title, is_for_sale, prices, product_version)"
        " VALUES ('GHOST', 'prd_1', 'Ghost', true, '{}', 3)",
        "INSERT INTO known_stock (sku, available, stock_version) VALUES ('GHOST', 3, 0)",
    ],
)
async def test_what_was_damaged_is_healed(market: Market, damage: str) -> None:
    await market.change(10)
    await market.post.carry()
    right = await market.digest()
    await market.sql(damage)
    assert await market.digest() != right
    assert await market.rebuild() == ("GHOST" in damage)
    assert await market.digest() == right


async def test_nothing_disappears_while_it_is_told_anew(market: Market) -> None:
    await market.change(15)
    await market.post.carry()
    right = await market.digest()
    await market.anew().begin()
    assert await market.digest() == right, "customers see what they saw"
    assert set(await market.sql("SELECT product_version FROM known_variants")) == {0}


async def test_a_rebuild_that_lacks_events_removes_nothing_and_says_so(market: Market) -> None:
    await market.change(10)
    await market.post.carry()
    rows = await market.sql("SELECT count(*) FROM known_variants")
    since = await market.anew().begin()
    hopeless = Rebuild(market.cart, patience_seconds=0)
    with pytest.raises(RebuildStalledError, match="1 of 1 events have not arrived"):
        await hopeless.finish(since, [f"variant {market.skus[0]}"])
    assert await market.sql("SELECT count(*) FROM known_variants") == rows
    with pytest.raises(ValueError, match="not what `announce` prints"):
        await hopeless.finish(since, ["nonsense"])


async def test_a_relay_that_does_not_publish_is_named(market: Market) -> None:
    await market.change(10)
    silent = Retelling(
        market.shop.database, MASTER_REGION, told=lambda *_: None, page=2, patience_seconds=0
    )
    with pytest.raises(OutboxStalledError, match="does not empty"):
        await silent.run()


async def test_a_purchase_never_queues_behind_a_whole_catalogue(market: Market) -> None:
    await market.change(15)
    await market.post.carry()
    most = 0

    async def watch() -> None:
        nonlocal most
        for _ in range(5):
            async with market.shop.database.transaction() as session:
                waiting = await session.execute(
                    select(OUTBOX.id).where(OUTBOX.published_at.is_(None))
                )
                most = max(most, len(waiting.all()))

    await market.rebuild(meanwhile=watch)
    assert most <= 7 + 7 // 4 + 1
