"""Moving pieces of SKUs of both kinds: those with one row, and spread ones."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from services.product.domain.reservations import Line, merge_lines, shortages
from services.product.domain.stock import Move, Moved
from services.product.repository.buckets import BucketRepository
from services.product.repository.stock import StockRepository

FIRST_BUCKET = 1
"""Where everything is that a SKU had in its one row before it was spread."""


@dataclass(frozen=True)
class StockMover:
    """Moves baskets within one transaction. Locks are taken in one order: levels by SKU, then buckets by SKU and number.

    A basket without a spread SKU costs one statement.
    """

    stock: StockRepository
    buckets: BucketRepository

    async def take(
        self, order_id: str, lines: Sequence[Line], move: Move, spread: Collection[str]
    ) -> Mapping[str, Moved]:
        """Take available pieces of all lines or of none, and tell what there was of each.

        `spread` names the spread SKUs the caller knows of; one that was spread a moment ago is found here.
        """
        single = [line for line in lines if line.sku not in spread]
        moved = await self.stock.move(single, move)
        found = {sku for sku, one in moved.items() if one.buckets}
        if found:
            return await self.take(order_id, lines, move, found.union(spread))
        rest = [line for line in lines if line.sku in spread]
        if not rest:
            return moved
        if shortages(single, moved):
            return {**moved, **await self.buckets.totals(rest)}
        taken = await self.buckets.take(order_id, rest, move)
        if shortages(rest, taken):
            await self.stock.move(single, move.reverse)
        return {**moved, **taken}

    async def put(self, lines: Sequence[Line], move: Move) -> Mapping[str, Moved]:
        """Move pieces that are held or sold, each within the row it came from; all of them are there."""
        single = [line for line in lines if not line.bucket]
        moved = await self.stock.move(single, move)
        found = {sku for sku, one in moved.items() if one.buckets}
        if found:
            return await self.put(merge_lines(_now_in_buckets(lines, found)), move)
        await self.buckets.move([line for line in lines if line.bucket], move)
        return moved


def _now_in_buckets(lines: Sequence[Line], spread: Collection[str]) -> list[Line]:
    """What was held before a SKU was spread is in its first bucket."""
    return [
        replace(line, bucket=line.bucket or FIRST_BUCKET) if line.sku in spread else line
        for line in lines
    ]
