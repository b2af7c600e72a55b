"""How many requests a process works on at once: as many as it can answer in time, and the others hear so at once."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ClassVar, Final

from libs.deadline import standing_still
from libs.errors import DomainError

_FEWER: Final = 0.7
_FEWEST_LEFT: Final = 0.3


class Overloaded(DomainError):
    """The process has as much work as it can do in time; nothing of this request was done."""

    code: ClassVar[str] = "overloaded"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "There is more to do than we can do right now"


class AdaptiveLimit:
    """A limit of concurrent requests found by trying (additive increase, multiplicative decrease).

    While answers take no longer than `target_seconds` it grows by one each time its whole number of requests was
    answered, and only while it is needed. A slow answer lowers it, at most once in the target's time, to what is under
    way less a third, or as much less as the answer was too slow (Little's law: half as many wait half as long). A slow
    answer while few are under way says nothing about their number. One event loop uses an instance, so plain
    attributes suffice.

    Attributes:
        allowed: how many requests may be under way now.
        under_way: how many are.
    """

    def __init__(
        self,
        target_seconds: float,
        *,
        fewest: int,
        most: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.allowed = float(most)
        self.under_way = 0
        self._target = target_seconds
        self._fewest = fewest
        self._most = most
        self._now = now
        self._settled_at = float("-inf")

    def admit(self) -> "Place | None":
        """Give a request its place, or None when there is none."""
        if self.under_way >= int(self.allowed):
            return None
        return Place(self, self._now)

    def learn(self, seconds: float) -> None:
        """Take note of how long an answer took."""
        if seconds > self._target:
            if self.under_way >= self._fewest and self._now() >= self._settled_at:
                self._settled_at = self._now() + self._target
                less = min(_FEWER, max(_FEWEST_LEFT, self._target / seconds))
                together = min(self.allowed, float(self.under_way))
                self.allowed = max(float(self._fewest), together * less)
        elif self.under_way >= self.allowed / 2:
            self.allowed = min(float(self._most), self.allowed + 1 / self.allowed)


class Place:
    """What a request under way holds; given up when it is answered, and while it only waits."""

    def __init__(self, limit: AdaptiveLimit, now: Callable[[], float]) -> None:
        self._limit = limit
        self._now = now
        self._worked = 0.0
        self._since: float | None = now()
        limit.under_way += 1

    def leave(self) -> None:
        """Stop counting; the time from now on is not the limit's."""
        if self._since is not None:
            self._worked += self._now() - self._since
            self._since = None
            self._limit.under_way -= 1

    def come_back(self) -> None:
        """Count again, even beyond the limit: refusing now would waste what was done."""
        if self._since is None:
            self._since = self._now()
            self._limit.under_way += 1

    def answered(self) -> None:
        """Give the place up for good, and have the limit learn how long the work took."""
        if self._since is not None:
            self._limit.learn(self._worked + self._now() - self._since)
            self.leave()


_place: Final[ContextVar[Place | None]] = ContextVar("place", default=None)


@contextmanager
def held(place: Place) -> Iterator[None]:
    """Let the block know the place its request holds; at its end the place is given up."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)
        place.leave()


@contextmanager
def only_waiting() -> Iterator[None]:
    """Hold no place in this block, and let the caller's deadline stand still: the caller asked to wait (RFC 7240)."""
    place = _place.get()
    with standing_still():
        if place is None:
            yield
            return
        place.leave()
        try:
            yield
        finally:
            place.come_back()
