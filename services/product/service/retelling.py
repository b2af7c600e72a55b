"""Tells everything once more: a projection that is rebuilt needs what the outbox has long forgotten."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from libs.contracts.product import StockChanged
from libs.database.session import Database
from libs.messaging.outbox import Outbox, count_unpublished
from services.product.repository.catalogue import CatalogueRepository
from services.product.repository.pages import PageRepository
from services.product.service.announcing import announce_product


class OutboxStalledError(Exception):
    """The relay does not publish, so nothing more can be told."""


@dataclass
class Retelling:
    """Announces every product and every stock level as they are, under the versions they have.

    A receiver that knows a newer version ignores it, and nobody is told twice of anything that changed. Pages wait
    until the outbox is nearly empty: the messages of a purchase never queue behind a whole catalogue.

    `told` is given each variant ("variant", SKU) and each stock level ("stock", SKU); `progress` the number of
    products and stock levels done.
    """

    database: Database
    region: str
    told: Callable[[str, str], None]
    progress: Callable[[int], None] = lambda _: None
    page: int = 200
    patience_seconds: float = 60.0
    look_seconds: float = 0.05
    _done: int = 0

    async def run(self) -> int:
        """Tell everything and return how many messages that took.

        Raises:
            OutboxStalledError: nothing was published for `patience_seconds`.
        """
        for tell in (self._tell_products, self._tell_stock):
            keys: Sequence[str] = [""]
            while keys:
                await self._wait_for_room()
                keys = await tell(keys[-1])
                self._done += len(keys)
                self.progress(self._done)
        return self._done

    async def _tell_products(self, after: str) -> Sequence[str]:
        async with self.database.transaction() as session:
            outbox = Outbox(session, "product", self.region, wake=_nobody_waits)
            ids = await PageRepository(session).product_ids(after, self.page)
            for product in await CatalogueRepository(session, self.region).products(ids):
                await announce_product(outbox, product)
                for variant in product.variants:
                    self.told("variant", variant.sku)
        return ids

    async def _tell_stock(self, after: str) -> Sequence[str]:
        async with self.database.transaction() as session:
            outbox = Outbox(session, "product", self.region, wake=_nobody_waits)
            levels = await PageRepository(session).stock(after, self.page)
            for level in levels:
                event = StockChanged(sku=level.sku, available=level.available)
                await outbox.add(event, aggregate_version=level.version)
                self.told("stock", level.sku)
        return [level.sku for level in levels]

    async def _wait_for_room(self) -> None:
        clock = asyncio.get_running_loop().time
        fewest, since = self.page + 1, clock()
        while True:
            async with self.database.transaction() as session:
                waiting = await count_unpublished(session, at_most=self.page + 1)
            if waiting <= self.page // 4:
                return
            if waiting < fewest:
                fewest, since = waiting, clock()
            if clock() - since > self.patience_seconds:
                raise OutboxStalledError(
                    "product's outbox does not empty: see that its worker runs and the broker answers"
                )
            await asyncio.sleep(self.look_seconds)


def _nobody_waits() -> None:
    """The relay is in another process and finds the rows by itself."""
