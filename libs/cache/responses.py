"""Cached answers as bytes: a tiny memory of this process in front of Redis, in front of the origin.

One load per key and process at a time, stale answers while the origin fails, and anything unreadable is a miss.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar, cast

import redis.asyncio as redis_asyncio

from libs.cache.entries import CachedBody, Entry, decode, encode
from libs.cache.failures import ANSWER_SECONDS, REDIS_FAILURES, Cooldowns
from libs.cache.redis import holder_of
from libs.clock import Clock, SystemClock
from libs.observability.logging import get_logger

__all__ = ["LARGEST_BODY_BYTES", "NEGATIVE_SECONDS", "ByteCache", "CachedBody"]

LARGEST_BODY_BYTES: Final = 1_000_000
NEGATIVE_SECONDS: Final = 5.0

_LOCAL_SECONDS: Final = 1.0
_LOCAL_ENTRIES: Final = 1_024
_LEASE_MS: Final = 3_000
_GENERATION_MS: Final = 3_600_000

# A load that began before an invalidation must not write its old answer after it.
_STORE: Final = """
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_INVALIDATE: Final = """
redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
"""

_log = get_logger(__name__)


Loaded = TypeVar("Loaded", bound=CachedBody | None)


@dataclass(frozen=True)
class _Found:
    entry: Entry | None
    generation: str


class _LeaderGoneError(Exception):
    """The caller that was loading was cancelled; another one takes over."""


class ByteCache:
    """Reads through memory and Redis to a loader. Correct without Redis, just less sheltered."""

    def __init__(
        self,
        redis: redis_asyncio.Redis,
        service: str,
        *,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        patience_seconds: float = 0.5,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Keep one service's answers; wait `patience_seconds` for a fresh one where a stale one could be given."""
        self._redis = redis
        self._prefix = f"cache:{service}:"
        self._patience = patience_seconds
        self._clock = clock or SystemClock()
        self._monotonic = monotonic
        self._cooldowns = Cooldowns(holder_of(redis), answer_seconds, monotonic)
        self._local: OrderedDict[str, tuple[CachedBody | None, float]] = OrderedDict()
        self._flights: dict[str, asyncio.Future[CachedBody | None]] = {}
        self._refreshing: set[asyncio.Task[CachedBody | None]] = set()

    async def get_or_load(
        self,
        key: str,
        load: Callable[[], Awaitable[Loaded]],
        soft_ttl: float,
        hard_ttl: float,
    ) -> Loaded:
        """Return the cached answer or the loader's.

        Args:
            key: names the answer completely: two requests that may differ need two keys.
            load: reads the origin, in a session of its own, for it may outlive the request; may return None for "there is
                no such thing", remembered for 5 s.
            soft_ttl: seconds an answer is served without asking the origin.
            hard_ttl: seconds it may still be served when the origin fails, is slow, or is being asked already.
        """
        while True:
            known = self._recall(key)
            if known is not None:
                return cast("Loaded", known[0])
            flight = self._flights.get(key)
            if flight is None:
                return cast("Loaded", await self._lead(key, load, soft_ttl, hard_ttl))
            try:
                return cast("Loaded", await asyncio.shield(flight))
            except _LeaderGoneError:
                continue

    async def invalidate(self, *keys: str) -> None:
        """Forget answers here and in Redis; other processes follow within a second. Call it after the commit."""
        for key in keys:
            self._local.pop(key, None)
            flight = self._flights.pop(key, None)
            if flight is not None and not flight.done():
                flight.set_exception(_LeaderGoneError())
                flight.exception()
            await self._guarded(key, partial(self._bump, key))

    async def _bump(self, key: str) -> None:
        """Delete the value and make loads that are under way elsewhere keep theirs to themselves."""
        await self._redis.eval(
            _INVALIDATE,
            2,
            self._name(key, "value"),
            self._name(key, "generation"),
            str(_GENERATION_MS),
        )

    async def _lead(
        self,
        key: str,
        load: Callable[[], Awaitable[CachedBody | None]],
        soft_ttl: float,
        hard_ttl: float,
    ) -> CachedBody | None:
        """Load for everybody who asks meanwhile."""
        flight: asyncio.Future[CachedBody | None] = asyncio.get_running_loop().create_future()
        self._flights[key] = flight
        try:
            value = await self._refresh(key, load, soft_ttl, hard_ttl)
        except asyncio.CancelledError:
            self._land(key, flight, error=_LeaderGoneError())
            raise
        except Exception as error:
            self._land(key, flight, error=error)
            raise
        if self._land(key, flight, value=value):
            self._remember(key, value, soft_ttl)
        return value

    def _land(
        self,
        key: str,
        flight: "asyncio.Future[CachedBody | None]",
        *,
        value: CachedBody | None = None,
        error: BaseException | None = None,
    ) -> bool:
        """Hand the outcome to the waiters; False when the key was invalidated meanwhile."""
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.done():
            return False
        if error is None:
            flight.set_result(value)
        else:
            flight.set_exception(error)
            flight.exception()  # nobody may be waiting: that is no unretrieved error
        return True

    async def _refresh(
        self,
        key: str,
        load: Callable[[], Awaitable[CachedBody | None]],
        soft_ttl: float,
        hard_ttl: float,
    ) -> CachedBody | None:
        found = await self._read(key)
        stale = found.entry
        if stale is not None and (self._is_fresh(stale) or not await self._lease(key)):
            return stale.value
        keep = partial(self._store, key, generation=found.generation, soft=soft_ttl, hard=hard_ttl)
        if stale is None:
            value = await load()
            await keep(value)
            return value
        return await self._in_time(load, keep, stale)

    async def _in_time(
        self,
        load: Callable[[], Awaitable[CachedBody | None]],
        keep: Callable[[CachedBody | None], Awaitable[None]],
        stale: Entry,
    ) -> CachedBody | None:
        """Return what the origin says, or the stale answer if the origin fails or takes its time; it may end later."""

        async def loaded() -> CachedBody | None:
            value = await load()
            await keep(value)
            return value

        task = asyncio.get_running_loop().create_task(loaded(), name="cache-refresh")
        self._refreshing.add(task)
        task.add_done_callback(self._refreshed)
        await asyncio.wait({task}, timeout=self._patience)
        if task.done() and task.exception() is None:
            return task.result()
        reason = type(task.exception()).__name__ if task.done() else "too_slow"
        _log.warning("stale_answer_served", reason=reason)
        return stale.value

    def _refreshed(self, task: "asyncio.Task[CachedBody | None]") -> None:
        self._refreshing.discard(task)
        if not task.cancelled():
            task.exception()  # told already, or too late to matter

    async def _read(self, key: str) -> _Found:
        answer = await self._guarded(
            key, lambda: self._redis.mget(self._name(key, "value"), self._name(key, "generation"))
        )
        if answer is None:
            return _Found(None, "0")
        raw, generation = cast("list[bytes | None]", answer)
        return _Found(decode(key, raw), (generation or b"0").decode())

    async def _lease(self, key: str) -> bool:
        """Win the right to ask the origin while others serve the stale answer."""
        return bool(
            await self._guarded(
                key, lambda: self._redis.set(self._name(key, "lease"), b"1", nx=True, px=_LEASE_MS)
            )
        )

    async def _store(
        self, key: str, value: CachedBody | None, generation: str, soft: float, hard: float
    ) -> None:
        if value is None:
            soft = hard = min(NEGATIVE_SECONDS, hard)
        elif len(value.body) > LARGEST_BODY_BYTES:
            return
        raw = encode(key, value, self._clock.now().timestamp() + soft)
        await self._guarded(
            key,
            lambda: self._redis.eval(
                _STORE,
                2,
                self._name(key, "value"),
                self._name(key, "generation"),
                generation,
                raw,
                str(max(1, int(hard * 1000))),
            ),
        )

    async def _guarded(self, key: str, command: Callable[[], Awaitable[object]]) -> object | None:
        cooldown = self._cooldowns.of(self._name(key, "value"))
        if cooldown.skips():
            return None
        try:
            answer = await command()
        except REDIS_FAILURES as error:
            if cooldown.failed():
                _log.warning("cache_without_redis", reason=type(error).__name__)
            return None
        cooldown.succeeded()
        return answer

    def _name(self, key: str, part: str) -> str:
        """Return where a part of an entry is kept; the parts lie together, for a script touches several."""
        return f"{self._prefix}{{{key}}}:{part}"

    def _is_fresh(self, entry: Entry) -> bool:
        return self._clock.now().timestamp() < entry.fresh_until

    def _recall(self, key: str) -> tuple[CachedBody | None] | None:
        known = self._local.get(key)
        if known is None or known[1] <= self._monotonic():
            return None
        self._local.move_to_end(key)
        return (known[0],)

    def _remember(self, key: str, value: CachedBody | None, soft_ttl: float) -> None:
        self._local[key] = (value, self._monotonic() + min(_LOCAL_SECONDS, soft_ttl))
        self._local.move_to_end(key)
        if len(self._local) > _LOCAL_ENTRIES:
            self._local.popitem(last=False)
