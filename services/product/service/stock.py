"""Counting stock: levels, the ledger behind them, and the proof that no piece appeared or vanished."""

from collections.abc import Callable
from dataclasses import dataclass

from libs.contracts.product import StockChanged
from libs.messaging.outbox import Outbox
from libs.web.conditional import etag_of
from libs.web.pagination import CursorCodec, Page
from services.product.domain.stock import Adjustment, StockLevel
from services.product.errors import VariantNotFound
from services.product.repository.stock import StockRepository
from services.product.schemas.stock import AdjustmentOut, NewAdjustment


@dataclass(frozen=True)
class StockKeeper:
    """Use cases on stock in one transaction."""

    stock: StockRepository
    outbox: Outbox

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
        before = await self.stock.level(sku, lock=True)
        if before is None:
            raise VariantNotFound("no variant has this SKU")
        check(etag_of(before.version))
        before.require_adjustable(new.quantity)
        adjustment = await self.stock.adjust(
            before, new.quantity, reason=new.reason, note=new.note, actor=actor
        )
        level = await self.level(sku)
        await self.outbox.add(
            StockChanged(sku=sku, available=level.available), aggregate_version=level.version
        )
        return adjustment, level
