"""Refuses what would only wait, the dispensable first, so that what is begun is finished in time."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.observability.metrics import counter, gauge
from libs.web.admission import AdaptiveLimit, Overloaded, held
from libs.web.middleware.scopes import header_of

Importance = Literal["browsing", "buying"]

_ALWAYS: Final = frozenset({"/livez", "/readyz", "/metrics"})
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LATEST_RETRY_SECONDS: Final = 3

_shed: Final = counter(
    "meridian.requests.shed",
    unit="{request}",
    description="Requests refused because the process had enough to do, by importance.",
)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How slow answers may get before fewer requests are let in: seconds, by importance.

    Browsing gives way first, long before anybody who buys would notice.
    """

    browsing: float = 0.3
    buying: float = 1.0


class Shed:
    """Answers 503 with `Retry-After` at once when there is no place for a request.

    What changes something, and every call of another service (which has a purchase behind it), has places of its own
    that nobody's browsing can take. Health and metrics are always answered.
    """

    def __init__(self, app: ASGIApp, tolerance: Tolerance) -> None:
        self._app = app
        self._limits: Mapping[Importance, AdaptiveLimit] = {
            "browsing": AdaptiveLimit(tolerance.browsing, fewest=16, most=256),
            "buying": AdaptiveLimit(tolerance.buying, fewest=8, most=256),
        }
        _show_allowed(tuple(self._limits.values()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        importance = _importance_of(scope)
        place = self._limits[importance].admit()
        if place is None:
            _shed.add(1, {"importance": importance})
            # Written by nobody but us; the access log stays quiet about it, for the refusal must be cheap.
            scope.setdefault("state", {})["shed"] = True
            raise _refusal()

        async def send_and_give_up_the_place(message: Message) -> None:
            place.answered()
            await send(message)

        with held(place):
            await self._app(scope, receive, send_and_give_up_the_place)


def _show_allowed(limits: tuple[AdaptiveLimit, ...]) -> None:
    # Knows the limits alone: metrics outlive an application and would keep all of it.
    gauge(
        "meridian.requests.allowed",
        lambda: float(sum(limit.allowed for limit in limits)),
        unit="{request}",
    )


def _importance_of(scope: Scope) -> Importance:
    if scope["method"] not in _SAFE_METHODS or header_of(scope, b"service-authorization"):
        return "buying"
    return "browsing"


def _refusal() -> Overloaded:
    # Not all at the same moment: that would be the next peak.
    seconds = random.randint(1, _LATEST_RETRY_SECONDS)  # noqa: S311 - jitter is no secret
    return Overloaded(
        "Try again after the time in Retry-After; nothing was done.",
        headers={"Retry-After": str(seconds)},
    )
