"""Adds the ledger up by and by: what was added once is remembered, and only what is new is read."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from services.payment.domain.records import Stretch
from services.payment.repository.unit import Unit, Units

PAGE: Final = 20_000
SETTLED_SECONDS: Final = 60.0
"""No transaction lives that long, so nothing can still be booked before an entry that old."""


@dataclass(frozen=True)
class Sum:
    """Debits less credits per currency, over `entries` entries up to the one with id `last`."""

    last: int = 0
    entries: int = 0
    off: Counter[str] = field(default_factory=Counter)

    @property
    def imbalance_minor(self) -> int:
        """What debits and credits differ by, in minor units, over all currencies."""
        return sum(abs(minor) for minor in self.off.values())


class LedgerCheck:
    """Knows whether the ledger balances, up to the last minute."""

    def __init__(
        self, units: Units, *, page: int = PAGE, settled_seconds: float = SETTLED_SECONDS
    ) -> None:
        self._units = units
        self._page = page
        self._settled_seconds = settled_seconds
        self._turn = asyncio.Lock()
        self.seen = Sum()

    async def go_on(self) -> None:
        """Add what was booked since."""
        async with self._turn:
            self.seen = await self._add_to(self.seen)

    async def begin_again(self) -> None:
        """Add up everything, however long it takes: what was added before may have been changed by force."""
        async with self._turn:
            self.seen = await self._add_to(Sum())

    async def _add_to(self, so_far: Sum) -> Sum:
        while True:
            added = await self._units.run(partial(self._read, so_far.last))
            off = Counter(so_far.off)
            off.update({one.currency: one.off_minor for one in added})
            read = sum(one.entries for one in added)
            last = max((one.last for one in added), default=so_far.last)
            so_far = Sum(last, so_far.entries + read, off)
            if read < self._page:
                return so_far

    async def _read(self, after: int, unit: Unit) -> list[Stretch]:
        return await unit.ledger.off_after(
            after, limit=self._page, settled_seconds=self._settled_seconds
        )
