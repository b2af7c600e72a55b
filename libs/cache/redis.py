"""How Redis is reached: short timeouts, no hidden retries, and a pause after a failure.

A client that retries by itself may run a script twice, so `retry` is off; callers decide.
"""

import time
from collections.abc import Callable
from typing import Final

import redis.asyncio as redis_asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_FAILURES: Final = (RedisError, OSError, TimeoutError)
"""What any command may raise when Redis is away, slow or refuses."""

_CONNECT_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 1.0
_POOL_SIZE: Final = 100


def open_redis(url: str) -> redis_asyncio.Redis:
    """Return a client for `redis://`, `rediss://` or `unix://`; connects on first use, so it starts without Redis."""
    pool = redis_asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=_POOL_SIZE,
        timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return redis_asyncio.Redis.from_pool(pool)


class Cooldown:
    """Skips Redis for a moment after a failure, so that a black hole does not cost every request its timeout."""

    def __init__(self, seconds: float = 1.0, monotonic: Callable[[], float] = time.monotonic):
        self._seconds = seconds
        self._monotonic = monotonic
        self._until = float("-inf")

    @property
    def active(self) -> bool:
        return self._monotonic() < self._until

    def start(self) -> bool:
        """Begin the pause; False if it had begun already, so that a crowd of failures is told once."""
        first = not self.active
        self._until = self._monotonic() + self._seconds
        return first
