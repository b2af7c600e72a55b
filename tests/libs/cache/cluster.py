"""Load on the sessions of a cluster: many callers who ask, and what they were told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from libs.cache.sessions import SessionStore, SessionStoreUnavailable

CALLERS = 4


@dataclass
class Load:
    """Asks for the same sessions over and over, and counts the answers."""

    store: SessionStore
    sessions: Sequence[str]
    found: int = 0
    missed: int = 0
    unavailable: int = 0

    async def ask_all(self) -> None:
        """Ask for each session once."""
        for session_id in self.sessions:
            try:
                record = await self.store.get(session_id)
            except SessionStoreUnavailable:
                self.unavailable += 1
            else:
                self.found += record is not None
                self.missed += record is None


@asynccontextmanager
async def asking(*loads: Load) -> AsyncIterator[None]:
    """Let callers ask while the block runs."""
    over = asyncio.Event()

    async def call(load: Load) -> None:
        while not over.is_set():
            await load.ask_all()

    async with asyncio.TaskGroup() as callers:
        for load in loads * CALLERS:
            callers.create_task(call(load))
        try:
            yield
        finally:
            over.set()
