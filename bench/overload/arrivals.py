"""Open-loop load: requests leave at their time, whatever became of those before."""

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from bench.customers import Basket
from bench.wire import Answer, BadAnswer, Connection

_ADDRESSES: Final = tuple(f"127.0.0.{last}" for last in range(2, 200))
"""Loopback addresses of as many clients: the edge limits each."""

_MOST_UNDER_WAY: Final = 3_000
_PATIENCE_SECONDS: Final = 20.0
_REFUSALS: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass
class Tally:
    """What came back.

    Attributes:
        offered: requests whose time came.
        dropped: those of them that could not be sent: nothing to order was left, or too much was under way.
        good: seconds of each answer that was wanted.
        refused: seconds of each refusal (503 and 429).
        without_retry_after: refusals that did not say when to come back.
        worked: processor seconds this process, the load generator, needed meanwhile.
        others: every other answer by status; 0 is a broken connection or none within twenty seconds.
    """

    offered: int = 0
    dropped: int = 0
    seconds: float = 0.0
    worked: float = 0.0
    good: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    without_retry_after: int = 0
    others: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        """Wanted answers per second of the load."""
        return len(self.good) / self.seconds if self.seconds else 0.0

    @property
    def share(self) -> float:
        """The part of what was offered that was answered as wanted."""
        return len(self.good) / self.offered if self.offered else 0.0

    def note(self, answer: Answer | None, seconds: float, wanted: Iterable[int]) -> bool:
        """Count an answer; True if it is a wanted one."""
        status = 0 if answer is None else answer.status
        if status in wanted:
            self.good.append(seconds)
            return True
        if answer is not None and status in _REFUSALS:
            self.refused.append(seconds)
            self.without_retry_after += "retry-after" not in answer.headers
        else:
            self.others[status] += 1
        return False


class Clients:
    """Kept connections from many addresses; one more is opened whenever none is idle."""

    def __init__(self, gateway: str) -> None:
        self.gateway = gateway
        self._idle: deque[Connection] = deque()
        self._sources = itertools.cycle(_ADDRESSES)

    async def exchange(self, request: bytes) -> Answer | None:
        """Send a request; None if nothing useful came back."""
        try:
            connection = await self._connection()
        except OSError:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await connection.exchange(request)
        except (OSError, TimeoutError, BadAnswer):
            connection.close()
            return None
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Hang up everywhere."""
        while self._idle:
            self._idle.pop().close()

    async def _connection(self) -> Connection:
        if self._idle:
            return self._idle.popleft()
        return await Connection.open(self.gateway, next(self._sources))


async def arrive(
    send: Callable[[Tally], Awaitable[None]], *, per_second: float, seconds: float
) -> Tally:
    """Call `send` at a constant rate for some seconds, and wait for what is still under way."""
    tally, under_way = Tally(seconds=seconds), set[asyncio.Task[None]]()
    began, worked = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as together:
        for number in range(int(per_second * seconds)):
            wait = began + number / per_second - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            tally.offered += 1
            if len(under_way) >= _MOST_UNDER_WAY:
                tally.dropped += 1
                continue
            task = together.create_task(_sent(send, tally))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    tally.worked = time.process_time() - worked
    return tally


async def _sent(send: Callable[[Tally], Awaitable[None]], tally: Tally) -> None:
    await send(tally)


@dataclass(frozen=True)
class Orders:
    """Sends orders from a stock of baskets; a basket that was refused at once is there for the next customer."""

    clients: Clients
    baskets: deque[Basket]

    async def send(self, tally: Tally) -> None:
        """Place one order."""
        if not self.baskets:
            tally.dropped += 1
            return
        basket = self.baskets.popleft()
        request = basket.request(self.clients.gateway)
        began = time.perf_counter()
        answer = await self.clients.exchange(request)
        tally.note(answer, time.perf_counter() - began, {202, 201})
        # Of anything but a refusal nobody knows here whether the basket was ordered after all.
        if answer is not None and answer.status in _REFUSALS:
            self.baskets.append(basket)


@dataclass(frozen=True)
class Reads:
    """Reads one product."""

    clients: Clients
    request: bytes

    async def send(self, tally: Tally) -> None:
        """Read it once."""
        began = time.perf_counter()
        answer = await self.clients.exchange(self.request)
        tally.note(answer, time.perf_counter() - began, {200})


async def saturate(
    send: Callable[[Tally], Awaitable[None]], *, at_a_time: int, seconds: float
) -> Tally:
    """Keep so many requests under way for some seconds: what comes back is the most that can be had."""
    tally = Tally(seconds=seconds)
    ends_at, worked = time.perf_counter() + seconds, time.process_time()

    async def work() -> None:
        while time.perf_counter() < ends_at:
            tally.offered += 1
            before = tally.dropped
            await send(tally)
            if tally.dropped > before:
                return

    async with asyncio.TaskGroup() as together:
        for _ in range(at_a_time):
            together.create_task(work())
    tally.worked = time.process_time() - worked
    return tally
