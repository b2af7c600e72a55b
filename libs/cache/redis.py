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

REDIS_FAILURES: Final = (RedisError, OSError, TimeoutError, RuntimeError)
"""What any command may raise when Redis is away, slow or refuses.

uvloop's word for a connection that was broken off while it was idle is RuntimeError, and the client passes it on.
"""

ANSWER_SECONDS: Final = 1.0
"""How long to wait for a connection, and as long again for an answer on it, where nothing else is said."""

_POOL_SIZE: Final = 100


def open_redis(url: str, seconds: float = ANSWER_SECONDS) -> redis_asyncio.Redis:
    """Return a client for `redis://`, `rediss://` or `unix://`; connects on first use, so it starts without Redis.

    It waits `seconds` for a free connection, for a new one to be made, and for an answer.
    """
    pool = redis_asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=_POOL_SIZE,
        timeout=seconds,
        socket_connect_timeout=seconds,
        socket_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return redis_asyncio.Redis.from_pool(pool)


class Cooldown:
    """Skips Redis after a failure, so that a black hole does not cost every request its timeout.

    When the pause is over one caller asks again while the others go on without; each further failure doubles the pause.
    """

    def __init__(
        self,
        seconds: float = 1.0,
        longest: float = 8.0,
        monotonic: Callable[[], float] = time.monotonic,
    ):
        self._seconds = seconds
        self._longest = longest
        self._monotonic = monotonic
        self._until = float("-inf")
        self._failures = 0
        self._pause_began = float("-inf")

    def skips(self) -> bool:
        """Tell whether to do without Redis now; who is told no, asks it and says how that went."""
        now = self._monotonic()
        if now < self._until:
            return True
        if self._failures:
            self._until = now + 2 * ANSWER_SECONDS
        return False

    def failed(self) -> bool:
        """Begin a pause; False if one had begun already, so that a crowd of failures is told once."""
        now = self._monotonic()
        first = self._failures == 0
        if first or now >= self._pause_began + self._seconds:
            self._failures += 1
            self._pause_began = now
        self._until = now + min(self._longest, self._seconds * 2 ** (self._failures - 1))
        return first

    def succeeded(self) -> None:
        """End the pauses."""
        self._failures = 0
        self._until = float("-inf")
