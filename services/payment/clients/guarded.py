"""A provider that fails must not take this process along: its calls are limited, cut off while it is down, counted."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from libs.observability.metrics import counter, gauge, histogram
from libs.web.resilience import CircuitBreaker
from services.payment.clients.protocol import PaymentProvider
from services.payment.domain.records import Work
from services.payment.domain.states import ActionRequired, Refused, Succeeded, Unknown, Verdict

Answer = TypeVar("Answer", Verdict, Verdict | None)

_OUTCOMES: Final = {
    Succeeded: "succeeded",
    Refused: "refused",
    ActionRequired: "action_required",
    Unknown: "unknown",
    type(None): "never_seen",
}

_calls: Final = counter(
    "payment_provider_calls",
    description="Answers of the payment provider by call and outcome; those cut off here are not_made",
)
_duration: Final = histogram(
    "payment_provider_call", description="Seconds the provider took to answer"
)


def provider_breaker() -> CircuitBreaker:
    """Return a breaker for the only way to take money: it opens when hardly anything gets through."""
    return CircuitBreaker(window=20, smallest=10, failure_share=0.8, open_seconds=2.0)


class GuardedProvider:
    """Passes calls on to a provider.

    A call that is not made, because the provider is cut off or too many calls are under way already, is `Unknown` like one
    that got no answer: it is asked about, and made again, later.

    Args:
        provider: whom to ask.
        breaker: decides whether asking makes sense now; every `Unknown` counts against the provider.
        at_once: calls under way at a time, in this process.
        wait_seconds: how long a call waits for one of those places.
    """

    def __init__(
        self,
        provider: PaymentProvider,
        *,
        breaker: CircuitBreaker,
        at_once: int,
        wait_seconds: float,
    ) -> None:
        self._provider = provider
        self._breaker = breaker
        self._places = asyncio.Semaphore(at_once)
        self._wait_seconds = wait_seconds

    async def authorize(self, work: Work) -> Verdict:
        return await self._made("authorize", self._provider.authorize, work)

    async def capture(self, work: Work) -> Verdict:
        return await self._made("capture", self._provider.capture, work)

    async def void(self, work: Work) -> Verdict:
        return await self._made("void", self._provider.void, work)

    async def refund(self, work: Work) -> Verdict:
        return await self._made("refund", self._provider.refund, work)

    async def find_by_key(self, work: Work) -> Verdict | None:
        return await self._made("find_by_key", self._provider.find_by_key, work)

    def show(self) -> Callable[[], None]:
        """Show the breaker as a gauge; call the result to stop."""
        return gauge(
            "payment_provider_circuit_open",
            lambda: float(self._breaker.state != "closed"),
            description="1 while the provider is not asked because it fails",
        )

    async def _made(
        self, call: str, ask: Callable[[Work], Awaitable[Answer]], work: Work
    ) -> Answer | Unknown:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            return _not_made(call, "too_many_calls")
        try:
            if not self._breaker.allow():
                return _not_made(call, "circuit_open")
            return await self._answered(call, ask, work)
        finally:
            self._places.release()

    async def _answered(
        self, call: str, ask: Callable[[Work], Awaitable[Answer]], work: Work
    ) -> Answer:
        started = time.perf_counter()
        try:
            answer = await ask(work)
        except BaseException:
            # Cancelled, or a bug of ours: that says nothing about the provider.
            self._breaker.forget()
            raise
        self._breaker.record(healthy=not isinstance(answer, Unknown))
        _duration.record(time.perf_counter() - started, {"call": call})
        _calls.add(1, {"call": call, "outcome": _OUTCOMES[type(answer)]})
        return answer


def _not_made(call: str, reason: str) -> Unknown:
    _calls.add(1, {"call": call, "outcome": "not_made"})
    return Unknown(reason)
