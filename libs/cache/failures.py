"""What a command may raise when Redis does not answer, and the pause that is made then."""

import time
from collections.abc import Callable
from typing import Final

from redis.exceptions import RedisError

REDIS_FAILURES: Final = (RedisError, OSError, TimeoutError, RuntimeError)
"""What any command may raise when Redis is away, slow or refuses.

uvloop's word for a connection that was broken off while it was idle is RuntimeError, and the client passes it on.
"""

ANSWER_SECONDS: Final = 1.0
"""How long to wait for a connection, and as long again for an answer on it, where nothing else is said."""


class Cooldown:
    """Skips Redis after a failure, so that a black hole does not cost every request its timeout.

    When the pause is over one caller asks again while the others go on without; each further failure doubles the pause.
    """

    def __init__(
        self,
        seconds: float = 1.0,
        longest: float = 8.0,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Pause `seconds` at first; who asks again has twice `answer_seconds`: for a connection, and for an answer."""
        self._seconds = seconds
        self._longest = longest
        self._asking_seconds = 2 * answer_seconds
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
            self._until = now + self._asking_seconds
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


class Cooldowns:
    """A pause for each server that keeps keys: while one shard is away, the others are asked as ever."""

    def __init__(
        self,
        holder_of: Callable[[str], str],
        answer_seconds: float = ANSWER_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take `holder_of` as the one who knows which server keeps a key."""
        self._holder_of = holder_of
        self._answer_seconds = answer_seconds
        self._monotonic = monotonic
        self._by_holder: dict[str, Cooldown] = {}

    def of(self, key: str) -> Cooldown:
        """Return the pause of the server that keeps `key`."""
        holder = self._holder_of(key)
        if holder not in self._by_holder:
            self._by_holder[holder] = Cooldown(
                answer_seconds=self._answer_seconds, monotonic=self._monotonic
            )
        return self._by_holder[holder]
