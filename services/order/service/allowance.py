"""How many commands may be sent again: a backlog that answers slowly must not be fed by those who wait for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Allowance:
    """A token bucket of one process: `burst` commands at once, `per_second` in the long run.

    Losses are rare and small, so the bucket is full when they happen. When hundreds of orders wait because payment
    or stock is slow, repeating every command would only make the queue longer that all of them wait in.
    """

    per_second: float
    burst: float
    monotonic: Callable[[], float] = time.monotonic
    _left: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._left, self._at = self.burst, self.monotonic()

    def take(self, commands: int) -> bool:
        """Take out this many commands; False, and nothing is taken, when the bucket does not hold them."""
        now = self.monotonic()
        self._left = min(self.burst, self._left + (now - self._at) * self.per_second)
        self._at = now
        if self._left < commands:
            return False
        self._left -= commands
        return True
