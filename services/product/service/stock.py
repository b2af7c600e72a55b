"""Counting stock: levels, the ledger behind them, and the proof that no piece appeared or vanished."""

from collections.abc import Callable
from dataclasses import dataclass

from libs.audit.log import AuditLog
from libs.contracts.product import StockChanged
from libs.messaging.outbox import Outbox
from libs.web.conditional import etag_of
from libs.web.pagination import CursorCodec, Page
from services.product.domain.stock import Adjustment, StockLevel
from services.product.errors import VariantNotFound
from services.product.repository.buckets import BucketRepository
from services.product.repository.stock import StockRepository
from services.product.schemas.stock import AdjustmentOut, NewAdjustment


@dataclass(frozen=True)
class StockKeeper:
    """Use cases on stock in one transaction."""

    stock: StockRepository
    buckets: BucketRepository
    outbox: Outbox
    audit: AuditLog

    async def level(self, sku: str) -> StockLevel:
        """Return where a SKU's pieces are.

        Raises:
            VariantNotFound: no variant has the SKU.
        """
        level = await self.stock.level(sku)
        if level is None:
            raise VariantNotFound("no variant has this SKU")
        return level

    async def adjustments(
        self, sku: str, cursors: CursorCodec, cursor: str | None, limit: int
    ) -> Page[AdjustmentOut]:
        """Return a page of a SKU's ledger, newest first.

        Raises:
            VariantNotFound: no variant has the SKU.
            CursorInvalid: the cursor belongs to another list.
        """
        await self.level(sku)
        name = f"stock-adjustments:{sku}"
        before = None if cursor is None else cursors.decode(cursor, of=name)[0]
        rows = await self.stock.adjustments(
            sku, before=None if before is None else int(before), limit=limit + 1
        )
        return cursors.page(
            rows, limit, position=lambda row: (row.id,), show=AdjustmentOut.of, of=name
        )

    async def adjust(
        self, sku: str, new: NewAdjustment, actor: str, check: Callable[[str], None]
    ) -> tuple[Adjustment, StockLevel]:
        """Write a ledger line and apply it.

        Raises:
            VariantNotFound: no variant has the SKU.
            StockBelowZero: it would take away pieces that are not available.
        """
        before = await self._locked(sku, check)
        before.require_adjustable(new.quantity)
        if before.buckets:
            await self.buckets.share_out(sku, added=new.quantity)
        else:
            await self.stock.count(sku, new.quantity)
        adjustment = await self.stock.add_adjustment(
            sku,
            new.quantity,
            available_after=before.available + new.quantity,
            reason=new.reason,
            note=new.note,
            actor=actor,
        )
        await self.audit.record(
            "stock.adjusted", actor, sku, quantity=new.quantity, reason=new.reason
        )
        return adjustment, await self._changed(sku)

    async def spread(self, sku: str, buckets: int, check: Callable[[str], None]) -> StockLevel:
        """Keep a SKU's pieces in this many rows, shared out evenly; there is no way back to a single level row.

        Raises:
            VariantNotFound: no variant has the SKU.
        """
        await self._locked(sku, check)
        await self.buckets.spread(sku, buckets)
        await self.buckets.share_out(sku)
        return await self._changed(sku)

    async def announce_spread(self) -> int:
        """Tell how much of each spread SKU can be bought, if that may have changed; returns how many were told."""
        changes = await self.stock.changes_of_spread()
        for one in changes:
            await self.outbox.add(
                StockChanged(sku=one.sku, available=one.available), aggregate_version=one.version
            )
        return len(changes)

    async def _locked(self, sku: str, check: Callable[[str], None]) -> StockLevel:
        """Lock a SKU against every change of its pieces, then let `check` see its version."""
        level = await self.stock.level(sku, lock=True)
        if level is None:
            raise VariantNotFound("no variant has this SKU")
        if level.buckets:
            await self.buckets.lock(sku)
            level = await self.level(sku)
        check(etag_of(level.version))
        return level

    async def _changed(self, sku: str) -> StockLevel:
        """Return the level after a change, and tell of it unless the timer will."""
        level = await self.level(sku)
        if not level.buckets:
            await self.outbox.add(
                StockChanged(sku=sku, available=level.available), aggregate_version=level.version
            )
        return level
