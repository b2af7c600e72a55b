"""Builds catalogue and stock for tests, through the service's own use cases."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.audit.log import AuditLog
from libs.clock import SystemClock
from libs.contracts import MESSAGES, Message
from libs.database.session import Database
from libs.ids import new_id
from libs.messaging.envelope import Envelope
from libs.messaging.outbox import Outbox
from libs.topology import MASTER_REGION
from services.product.dependencies import build_reservations, build_stock_keeper
from services.product.domain.catalogue import Category, Product
from services.product.domain.reservations import Line, Reservation
from services.product.domain.stock import StockLevel
from services.product.repository.catalogue import CatalogueRepository
from services.product.repository.categories import CategoryRepository
from services.product.repository.stock import StockRepository
from services.product.schemas.changes import NewCategory, NewProduct
from services.product.schemas.stock import NewAdjustment
from services.product.service.conservation import check_everything
from services.product.service.editing import CatalogueEditor
from services.product.service.reservations import Reservations
from services.product.service.stock import StockKeeper

PRICES = {"USD": 1299, "EUR": 1199, "INR": 99900}


def outbox_of(session: AsyncSession) -> Outbox:
    return Outbox(session, "product", MASTER_REGION, wake=lambda: None)


@dataclass
class Shop:
    """One test's catalogue."""

    database: Database
    forgotten: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def editor(self) -> AsyncIterator[CatalogueEditor]:
        async with self.database.transaction() as session:
            yield CatalogueEditor(
                products=CatalogueRepository(session, MASTER_REGION),
                categories=CategoryRepository(session, MASTER_REGION),
                stock=StockRepository(session),
                outbox=outbox_of(session),
                audit=AuditLog(session),
                forget=self.forgotten.extend,
                clock=SystemClock(),
                home_region=MASTER_REGION,
            )

    @asynccontextmanager
    async def keeper(self) -> AsyncIterator[StockKeeper]:
        async with self.database.transaction() as session:
            yield build_stock_keeper(session, outbox_of(session))

    @asynccontextmanager
    async def reservations(self) -> AsyncIterator[Reservations]:
        async with self.database.transaction() as session:
            yield build_reservations(session, outbox_of(session), MASTER_REGION)

    async def category(self, slug: str, parent: str | None = None) -> Category:
        async with self.editor() as editor:
            return await editor.create_category(
                NewCategory(slug=slug, title=slug.replace("-", " ").title(), parent=parent)
            )

    async def product(
        self,
        slug: str = "enamel-mug",
        *,
        title: str | None = None,
        description: str = "",
        stock: Mapping[str, int] | None = None,
        prices: Mapping[str, int] | None = None,
        category: str | None = None,
        status: str = "active",
    ) -> Product:
        """Create a product whose variants are the SKUs of `stock`."""
        stock = {slug.upper(): 10} if stock is None else stock
        new = NewProduct.model_validate(
            {
                "slug": slug,
                "title": title or slug.replace("-", " ").capitalize(),
                "description": description,
                "status": status,
                "category": category,
                "variants": [
                    {"sku": sku, "title": f"Form {sku}", "prices": dict(prices or PRICES)}
                    for sku in stock
                ],
            }
        )
        async with self.editor() as editor:
            product = await editor.create_product(new)
        for sku, pieces in stock.items():
            if pieces:
                await self.receive(sku, pieces)
        return product

    async def receive(self, sku: str, pieces: int) -> None:
        async with self.keeper() as keeper:
            await keeper.adjust(
                sku, NewAdjustment(quantity=pieces, reason="received"), "usr_test", lambda _: None
            )

    async def spread(self, sku: str, buckets: int) -> None:
        async with self.keeper() as keeper:
            await keeper.spread(sku, buckets, lambda _: None)

    async def shares(self, sku: str) -> list[int]:
        """Return what is available in each bucket."""
        async with self.database.transaction() as session:
            rows = await session.execute(
                text("SELECT available FROM stock_buckets WHERE sku = :sku ORDER BY bucket"),
                {"sku": sku},
            )
            return list(rows.scalars())

    async def set_bucket(self, sku: str, bucket: int, *, available: int) -> None:
        """Leave this many pieces in one bucket and none in the others."""
        async with self.database.transaction() as session:
            await session.execute(
                text("""
                    UPDATE stock_buckets SET received = received - available + new, available = new
                    FROM (SELECT bucket AS number, CASE WHEN bucket = :bucket
                                 THEN CAST(:available AS int) ELSE 0 END AS new
                          FROM stock_buckets WHERE sku = :sku) AS w
                    WHERE sku = :sku AND bucket = number
                """),
                {"sku": sku, "bucket": bucket, "available": available},
            )

    async def announce(self) -> int:
        async with self.keeper() as keeper:
            return await keeper.announce_spread()

    async def level(self, sku: str) -> StockLevel:
        async with self.keeper() as keeper:
            return await keeper.level(sku)

    async def piles(self, sku: str) -> tuple[int, int, int]:
        """Return available, held, sold."""
        level = await self.level(sku)
        return level.available, level.held, level.sold

    async def hold(
        self, lines: Mapping[str, int], order_id: str | None = None, ttl: float = 600
    ) -> Reservation:
        async with self.reservations() as service:
            held, _ = await service.hold(
                order_id or new_id("ord"),
                "USD",
                [Line(sku, quantity) for sku, quantity in lines.items()],
                ttl,
            )
        return held

    async def sell(self, order_id: str) -> None:
        async with self.reservations() as service:
            await service.sell(order_id)

    async def release(self, order_id: str) -> Reservation:
        async with self.reservations() as service:
            return await service.release(order_id)

    async def take_back(self, order_id: str, return_id: str, lines: Mapping[str, int]) -> bool:
        async with self.reservations() as service:
            return await service.take_back(
                order_id,
                return_id,
                [Line(sku, quantity) for sku, quantity in lines.items()],
                "unwanted",
            )

    async def extend(self, order_id: str, ttl: float) -> None:
        async with self.reservations() as service:
            await service.extend(order_id, ttl)

    async def reservation(self, order_id: str) -> Reservation:
        async with self.reservations() as service:
            return await service.get(order_id)

    async def run_out(self, order_id: str) -> None:
        """Let a hold's time be over."""
        async with self.database.transaction() as session:
            await session.execute(
                text(
                    "UPDATE reservations SET expires_at = now() - interval '1 s' WHERE order_id = :o"
                ),
                {"o": order_id},
            )

    async def expire(self, batch: int = 100) -> int:
        async with self.reservations() as service:
            return await service.expire(batch)

    async def unconserved(self) -> Sequence[str]:
        return sorted({one.sku for one in await check_everything(self.database, page=7)})

    async def events(self, subject: str | None = None) -> list[tuple[Message, int]]:
        """Return messages and aggregate versions waiting in the outbox, oldest first."""
        async with self.database.transaction() as session:
            rows = await session.execute(
                text("SELECT envelope FROM outbox_messages ORDER BY position")
            )
            envelopes = [Envelope.from_json(row) for row in rows.scalars()]
        return [
            (MESSAGES[one.type].model_validate(one.data), one.aggregateversion)
            for one in envelopes
            if subject is None or one.subject == subject
        ]
