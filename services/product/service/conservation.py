"""Walks through all SKUs again and again, some at a time, and remembers which of them do not add up."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.database.session import Database
from libs.observability.logging import get_logger
from services.product.domain.stock import Imbalance
from services.product.repository.conservation import ConservationRepository, OverBudget

log = get_logger(__name__)


@dataclass
class ConservationRound:
    """One walk after the other, a page of SKUs per step, so that a step costs the same however large the shop is.

    A page whose check exceeds `budget_seconds` is made smaller; a single SKU that does is passed over and counted.
    """

    database: Database
    page: int
    budget_seconds: float
    broken: frozenset[str] = frozenset()
    unchecked: frozenset[str] = frozenset()
    _after: str = ""
    _size: int = 0
    _found: set[str] = field(default_factory=set)
    _passed_over: set[str] = field(default_factory=set)

    async def step(self) -> None:
        """Check the next SKUs; at the end of the walk `broken` and `unchecked` tell of all of it."""
        size = self._size or self.page
        try:
            skus, imbalances = await check_page(
                self.database, self._after, size, self.budget_seconds
            )
        except OverBudget as over:
            await self._take_less(size, str(over))
            return
        self._size = min(2 * size, self.page)
        for one in imbalances:
            log.error("stock_not_conserved", **describe(one))
        self._found.update(one.sku for one in imbalances)
        self.broken |= self._found
        if len(skus) < size:
            self._begin_again()
        else:
            self._after = skus[-1]

    async def _take_less(self, size: int, what: str) -> None:
        self._size = max(size // 2, 1)
        if size > 1:
            return
        async with self.database.transaction() as session:
            skus = await ConservationRepository(session).next_skus(self._after, 1)
        log.warning("stock_check_over_budget", range=what, next_step="run `cli check-stock`")
        self._passed_over.update(skus)
        self._after = skus[-1]

    def _begin_again(self) -> None:
        self.broken, self.unchecked = frozenset(self._found), frozenset(self._passed_over)
        self._found.clear()
        self._passed_over.clear()
        self._after = ""


async def check_page(
    database: Database, after: str, size: int, budget_seconds: float
) -> tuple[Sequence[str], Sequence[Imbalance]]:
    """Check up to `size` SKUs behind `after`; returns them and what does not add up among them.

    Raises:
        OverBudget: it took longer than `budget_seconds` (0: no limit).
    """
    async with database.transaction() as session:
        repository = ConservationRepository(session)
        await repository.limit(budget_seconds)
        skus = await repository.next_skus(after, size)
        return skus, await repository.imbalances(after, skus[-1]) if skus else []


async def check_everything(database: Database, *, page: int = 1000) -> list[Imbalance]:
    """Check all SKUs however long it takes; returns what does not add up."""
    found: list[Imbalance] = []
    after = ""
    while True:
        skus, imbalances = await check_page(database, after, page, 0)
        found += imbalances
        if len(skus) < page:
            return found
        after = skus[-1]


def describe(one: Imbalance) -> dict[str, object]:
    """Name a break for a log line or a terminal."""
    return {
        "sku": one.sku,
        "bucket": one.bucket,
        "what": one.what,
        "counted": one.counted,
        "expected": one.expected,
    }
