"""Rate limits shared by all processes: one Lua call per decision, on the clock of Redis.

While Redis is away each process falls back to token buckets of its own: less exact, never open.
"""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final, cast

import redis.asyncio as redis_asyncio

from libs.cache.failures import ANSWER_SECONDS, REDIS_FAILURES, Cooldowns
from libs.cache.redis import holder_of
from libs.observability.logging import get_logger

_log = get_logger(__name__)

_HOME_PREFIX: Final = 64
_BUCKETS_KEPT: Final = 10_000

# Sliding window by two counters: the previous window counts for the part of it still in sight. The
# window starts with a key's first use, so a fresh key admits exactly `limit` within it.
_TAKE: Final = """
local limit, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local state = redis.call('HMGET', KEYS[1], 'start', 'current', 'previous')
local start, current, previous = tonumber(state[1]), tonumber(state[2]), tonumber(state[3])
if not start or now >= start + 2 * window then
  start, current, previous = now, 0, 0
elseif now >= start + window then
  start, current, previous = start + window, 0, current
end
local elapsed = math.max(0, now - start)
local used = previous * (1 - elapsed / window) + current
if used + cost <= limit then
  current = math.max(0, current + cost)
  redis.call('HSET', KEYS[1], 'start', start, 'current', current, 'previous', previous)
  redis.call('PEXPIRE', KEYS[1], 2 * window)
  return {1, math.min(limit, math.floor(limit - used - cost)), window - elapsed}
end
local wait
if current + cost <= limit then
  wait = window * (1 - (limit - cost - current) / previous) - elapsed
else
  wait = window - elapsed + window * math.max(0, 1 - (limit - cost) / current)
end
return {0, math.max(0, math.floor(limit - used)), math.max(1, math.ceil(wait))}
"""


@dataclass(frozen=True)
class Policy:
    """At most `limit` units per `window_seconds` for each key; `name` appears in the RateLimit headers."""

    name: str
    limit: int
    window_seconds: int


@dataclass(frozen=True)
class Decision:
    """What one request was told: `reset_seconds` is when to try again if refused, else when the window ends."""

    allowed: bool
    remaining: int
    reset_seconds: int


def network_of(address: str) -> str:
    """Return what an address is counted as: a home has 2^64 addresses of IPv6, so its network is one caller.

    What is no address is counted as it is written.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, _HOME_PREFIX), strict=False))


class RateLimiter:
    """Decides whether a key may spend `cost` units now; never raises for a missing Redis."""

    def __init__(
        self,
        redis: redis_asyncio.Redis,
        service: str,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count for one service, whose keys no other may touch."""
        self._redis = redis
        self._service = service
        self._cooldowns = Cooldowns(holder_of(redis), answer_seconds, monotonic)
        self._fallback = _LocalBuckets(monotonic)

    async def take(self, key: str, policy: Policy, cost: int = 1) -> Decision:
        """Spend `cost` units of the key's allowance, or say how long to wait.

        The key may be an address or a name: only its hash reaches Redis.
        """
        name = self._name(key, policy)
        cooldown = self._cooldowns.of(name)
        if cooldown.skips():
            return self._fallback.take(name, policy, cost)
        try:
            decision = await self._take_in_redis(name, policy, cost)
        except REDIS_FAILURES as error:
            if cooldown.failed():
                _log.warning("rate_limiter_on_local_buckets", reason=type(error).__name__)
            return self._fallback.take(name, policy, cost)
        cooldown.succeeded()
        return decision

    async def give_back(self, key: str, policy: Policy) -> None:
        """Return one unit, for a use that turned out not to count, such as a correct password."""
        await self.take(key, policy, cost=-1)

    async def clear(self, key: str, policy: Policy) -> None:
        """Forget what the key has spent; while Redis is away only this process does."""
        name = self._name(key, policy)
        self._fallback.forget(name)
        try:
            await self._redis.delete(name)
        except REDIS_FAILURES as error:
            _log.warning("rate_limit_not_cleared", policy=policy.name, reason=type(error).__name__)

    def _name(self, key: str, policy: Policy) -> str:
        hashed = hashlib.sha256(key.encode()).hexdigest()[:32]
        return f"limit:{self._service}:{{{hashed}}}:{policy.name}"

    async def _take_in_redis(self, name: str, policy: Policy, cost: int) -> Decision:
        allowed, remaining, wait_ms = cast(
            "tuple[int, int, int]",
            await self._redis.eval(
                _TAKE,
                1,
                name,
                str(policy.limit),
                str(policy.window_seconds * 1000),
                str(cost),
            ),
        )
        return Decision(
            allowed=allowed == 1, remaining=remaining, reset_seconds=math.ceil(wait_ms / 1000)
        )


class _LocalBuckets:
    """Token buckets of one process; the least recently used are forgotten so that keys stay bounded."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, policy: Policy, cost: int) -> Decision:
        now = self._monotonic()
        per_second = policy.limit / policy.window_seconds
        tokens, at = self._buckets.pop(key, (float(policy.limit), now))
        tokens = min(float(policy.limit), tokens + (now - at) * per_second)
        allowed = tokens >= cost
        left = min(float(policy.limit), tokens - cost) if allowed else tokens
        self._buckets[key] = (left, now)
        if len(self._buckets) > _BUCKETS_KEPT:
            self._buckets.popitem(last=False)
        missing = (policy.limit if allowed else cost) - left
        return Decision(
            allowed=allowed,
            remaining=math.floor(left),
            reset_seconds=max(0 if allowed else 1, math.ceil(missing / per_second)),
        )

    def forget(self, key: str) -> None:
        self._buckets.pop(key, None)
