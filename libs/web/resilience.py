"""What keeps a failing callee from taking its callers along: a circuit breaker and a budget for retries."""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


def full_jitter(attempt: int, base: float, cap: float) -> float:
    """Return a random pause in seconds before retry number `attempt` (from 1), spread over the whole interval."""
    return random.uniform(0.0, min(cap, base * 2**attempt))  # noqa: S311 - jitter is no secret


@dataclass
class RetryBudget:
    """A token bucket: each call that succeeds pays in `ratio`, each retry takes out 1.

    So retries stay within a tenth of the calls, plus a small reserve for callers that seldom call; and a callee that
    always fails soon gets no second tries at all.
    """

    ratio: float = 0.1
    reserve: float = 2.0
    capacity: float = 10.0
    _tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = self.reserve

    def deposit(self) -> None:
        self._tokens = min(self.capacity, self._tokens + self.ratio)

    def withdraw(self) -> bool:
        # The sum of ten tenths is a little less than one in floating point.
        if self._tokens < 1.0 - 1e-9:
            return False
        self._tokens -= 1.0
        return True


@dataclass
class CircuitBreaker:
    """Stops calling a callee that fails, and asks one call at a time whether it is back.

    Closed: calls pass; when at least `smallest` of the last `window` calls are known and half of them failed, it opens.
    Open: calls are refused for `open_seconds`. Half-open: one probe passes; its outcome closes or opens again.
    One event loop uses an instance, so plain attributes suffice.
    """

    window: int = 20
    smallest: int = 8
    failure_share: float = 0.5
    open_seconds: float = 2.0
    now: Callable[[], float] = time.monotonic
    _outcomes: deque[bool] = field(init=False)
    _opened_at: float | None = field(init=False, default=None)
    _probing: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._outcomes = deque(maxlen=self.window)

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        if self._opened_at is None:
            return "closed"
        return "half_open" if self.now() >= self._opened_at + self.open_seconds else "open"

    def allow(self) -> bool:
        """Tell whether a call may be made now; one that may must end in `record` or `forget`."""
        match self.state:
            case "closed":
                return True
            case "open":
                return False
            case "half_open":
                if self._probing:
                    return False
                self._probing = True
                return True

    def record(self, *, healthy: bool) -> None:
        """Take note of how an allowed call ended."""
        if self._opened_at is None:
            self._outcomes.append(healthy)
            if self._too_many_failures():
                self._opened_at = self.now()
        elif self._probing:
            self._probing = False
            self._opened_at = None if healthy else self.now()
            self._outcomes.clear()

    def forget(self) -> None:
        """Take back an allowed call whose outcome says nothing about the callee."""
        self._probing = False

    def seconds_until_probe(self) -> float:
        """Return how long calls stay refused; 0 when they may pass."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self.open_seconds - self.now())

    def _too_many_failures(self) -> bool:
        known = len(self._outcomes)
        return known >= self.smallest and self._outcomes.count(False) >= known * self.failure_share
