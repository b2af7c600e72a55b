"""Keeps the flags of a running process current: a document is read behind its back, never for a request."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Final

from libs.flags.document import parse
from libs.flags.flags import Flags
from libs.flags.provider import DocumentProvider
from libs.flags.sources import Source, open_source
from libs.observability.logging import get_logger
from libs.observability.metrics import counter, gauge
from libs.settings import ServiceSettings

_log = get_logger(__name__)

_failed: Final = counter(
    "feature_flags_reads_failed",
    description="Readings of the flags that brought no usable document",
)


@asynccontextmanager
async def open_flags(settings: ServiceSettings) -> AsyncIterator[Flags]:
    """Give the flags of this process, read once now and again until the block ends.

    The process starts without its source, too: then the defaults hold that are declared with the flags. Without
    `FLAGS` nothing is read and they hold for good.
    """
    provider = DocumentProvider()
    flags = Flags(provider)
    if settings.flags is None:
        yield flags
        return
    with ExitStack() as shown:
        async with open_source(settings.flags, settings) as source:
            reader = Reader(source, provider)
            shown.callback(reader.show())
            await reader.read()
            reading = asyncio.create_task(reader.run(), name="flags")
            try:
                yield flags
            finally:
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading


class Reader:
    """Reads a source for a provider: what cannot be read, or is no document, leaves the last one in force."""

    def __init__(
        self,
        source: Source,
        provider: DocumentProvider,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._provider = provider
        self._elapsed = elapsed
        self._current_at = elapsed()
        self._refused = False
        self._trouble: str | None = None

    async def run(self) -> None:
        """Read whenever the source's pause is over, give or take a tenth so that replicas spread out."""
        while True:
            await asyncio.sleep(self._source.pause_seconds * random.uniform(0.9, 1.1))  # noqa: S311 - jitter is no secret
            await self.read()

    async def read(self) -> None:
        """Read once."""
        try:
            content = await self._source.read()
            if content is not None:
                self._refused = True  # until the whole of it was understood
                self._hold(parse(content))
                self._refused = False
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the shop goes on with what it knows
            self._tell(f"{type(error).__name__}: {error}")
            return
        if not self._refused:
            self._current_at, self._trouble = self._elapsed(), None

    def age(self) -> float:
        """Return for how many seconds nobody has confirmed what is in force, since the start if nobody ever did."""
        return self._elapsed() - self._current_at

    def show(self) -> Callable[[], None]:
        """Show the age with the metrics; call the result to stop."""
        return gauge(
            "feature_flags_age",
            self.age,
            unit="s",
            description="Time since the flags in force were confirmed by their source",
        )

    def _hold(self, states: Mapping[str, bool]) -> None:
        if self._provider.hold(states):
            on = sorted(name for name, enabled in states.items() if enabled)
            _log.info("flags_changed", on=on, off=sorted(states.keys() - set(on)))

    def _tell(self, trouble: str) -> None:
        """Count every failure, and say once what is wrong."""
        _failed.add(1)
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("flags_not_read", reason=trouble, remedy="docs/runbooks/flags.md")
