"""Makes cart's projection of the catalogue anew from product's events, while it is used."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from libs.database.session import Database
from services.cart.models import KnownStock, KnownVariant
from services.cart.repository import Checksum, Known, ProjectionRepository

_BATCH: Final = 1_000
_KINDS: Final[dict[str, Known]] = {"variant": KnownVariant, "stock": KnownStock}


class RebuildStalledError(Exception):
    """Events that product has published did not arrive."""


@dataclass
class Rebuild:
    """Makes the projection anew in place.

    First every row is doubted: it is shown as before, but any event replaces it, whatever its version says. Product
    tells everything under the versions it has, so changes that happen meanwhile win as always. Rows that product has
    not told of at the end are of nothing that exists.
    """

    database: Database
    progress: Callable[[int, int], None] = lambda _, __: None
    patience_seconds: float = 120.0
    look_seconds: float = 0.5
    _left: dict[str, set[str]] = field(default_factory=dict)

    async def begin(self) -> datetime:
        """Doubt every row, a thousand at a time, and return the moment this began."""
        async with self.database.transaction() as session:
            since = await ProjectionRepository(session).now()
        for known in _KINDS.values():
            after: str | None = ""
            while after is not None:
                after = await self._doubt(known, after)
        return since

    async def finish(self, since: datetime, told: Iterable[str]) -> int:
        """Wait for all that product told, remove what it did not tell of, and return how many rows that were.

        Raises:
            ValueError: a line is not of the form "variant SKU" or "stock SKU".
            RebuildStalledError: nothing arrived for `patience_seconds`. Nothing was removed; it can be run again.
        """
        self._left = _sorted_out(told)
        await self._wait_for_all()
        removed = 0
        for known in _KINDS.values():
            async with self.database.transaction() as session:
                removed += await ProjectionRepository(session).forget_doubted(known, since)
        return removed

    async def checksum(self) -> Checksum:
        async with self.database.transaction() as session:
            return await ProjectionRepository(session).checksum()

    async def _doubt(self, known: Known, after: str) -> str | None:
        # An event that locks the same rows in another order may cost a conflict, but nothing else.
        return await self.database.run(
            lambda session: ProjectionRepository(session).doubt(known, after, _BATCH)
        )

    async def _wait_for_all(self) -> None:
        total = fewest = self._count()
        moved_at = time.monotonic()
        while True:
            await self._look()
            left = self._count()
            self.progress(total - left, total)
            if not left:
                return
            if left < fewest:
                fewest, moved_at = left, time.monotonic()
            if time.monotonic() - moved_at > self.patience_seconds:
                raise RebuildStalledError(
                    f"{left} of {total} events have not arrived: see that cart's worker runs, look at the dead "
                    "letters of cart-inbox, then begin again"
                )
            await asyncio.sleep(self.look_seconds)

    def _count(self) -> int:
        return sum(len(skus) for skus in self._left.values())

    async def _look(self) -> None:
        for kind, skus in self._left.items():
            async with self.database.transaction() as session:
                self._left[kind] = await ProjectionRepository(session).not_told(_KINDS[kind], skus)


def _sorted_out(told: Iterable[str]) -> dict[str, set[str]]:
    left: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for line in told:
        kind, _, sku = line.rstrip("\n").partition(" ")
        if kind not in left or not sku:
            raise ValueError(f"not what `announce` prints: {line[:80]!r}")
        left[kind].add(sku)
    return left
