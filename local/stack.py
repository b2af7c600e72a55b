"""The running parts: restarts what crashes, stops everything in order. Knows nothing of what the parts are."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

from local.process import Part, Supervised
from local.progress import Progress
from local.refusal import Refusal
from local.state import StateFile

Tier = Literal["data", "services", "gateway"]

_STOP_ORDER: Final[tuple[Tier, ...]] = ("gateway", "services", "data")
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 15.0
_STABLE_SECONDS: Final = 30.0


class Stack:
    """Holds the parts by tier: the gateway stops first, then the services, then what they stand on.

    Args:
        after_restart: what to do once a part with that name is back after a crash.
    """

    def __init__(
        self,
        progress: Progress,
        state: StateFile,
        after_restart: Mapping[str, Callable[[], Awaitable[None]]],
    ) -> None:
        self._progress = progress
        self._state = state
        self._after_restart = after_restart
        self._tiers: dict[Tier, list[Supervised]] = {tier: [] for tier in _STOP_ORDER}
        self._guards: set[asyncio.Task[None]] = set()

    async def run(self, tier: Tier, part: Part) -> None:
        """Start a part, wait until it is ready, and watch it from then on.

        Raises:
            Refusal: it did not start.
        """
        one = Supervised(part, self._state)
        self._tiers[tier].append(one)
        seconds = await one.start()
        self._progress.done(f"{part.name} on port {part.port}", seconds)
        self._guards.add(asyncio.create_task(self._guard(one), name=f"guard {part.name}"))

    async def stop(self) -> None:
        """End every part; nothing is left behind."""
        for guard in self._guards:
            guard.cancel()
        await asyncio.gather(*self._guards, return_exceptions=True)
        for tier in _STOP_ORDER:
            await asyncio.gather(*(one.stop() for one in self._tiers[tier]))

    def kill(self) -> None:
        """End every part at once, without order."""
        for one in (one for tier in self._tiers.values() for one in tier):
            one.kill()

    async def _guard(self, one: Supervised) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            code = await one.ended()
            if time.monotonic() - began > _STABLE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._progress.say(
                f"{one.part.name} {_how_it_ended(code)}; starting it again in {pause:.1f} s "
                f"(see {one.part.log})"
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            await self._restart(one)

    async def _restart(self, one: Supervised) -> None:
        one.restarts += 1
        try:
            seconds = await one.start()
            self._progress.done(f"{one.part.name} is back", seconds)
            if one.part.name in self._after_restart:
                await self._after_restart[one.part.name]()
        except Refusal as refusal:
            self._progress.say(str(refusal))
            if one.running:
                await one.stop()


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended by itself with status {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
