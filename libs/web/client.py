"""Calls to other services: bounded in time, retried within a budget, cut off while the callee is down, always traced."""

import asyncio
import json as jsonlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from pydantic import BaseModel

from libs.deadline import DEADLINE_HEADER, DeadlineExceeded, remaining_seconds
from libs.observability.logging import get_logger
from libs.observability.metrics import counter, histogram
from libs.observability.tracing import Span, SpanKind, current_traceparent, start_span
from libs.web.calls import (
    CalleeProblem,
    CalleeResponse,
    CallPolicy,
    DependencyUnavailable,
    TokenSigner,
    UserToken,
    is_overload,
    is_plain_path,
    problem_of,
    request_headers,
    retry_after_of,
)
from libs.web.resilience import CircuitBreaker, RetryBudget, full_jitter

__all__ = [
    "CallPolicy",
    "CalleeProblem",
    "CalleeResponse",
    "DependencyUnavailable",
    "ServiceClient",
]

Params = Mapping[str, str | int | Sequence[str]]

_IDEMPOTENT_METHODS: Final = frozenset({"GET", "HEAD"})
_TRY_AGAIN_LATER: Final = frozenset({429, 502, 503, 504})
_FAILURE: Final = 500
_REFUSAL: Final = 400
_REDIRECT: Final = 300
_IN_FLIGHT: Final = "idempotency_in_flight"
_SHORTEST_TRY_SECONDS: Final = 0.005

log = get_logger(__name__)

_duration: Final = histogram(
    "http.client.request.duration", description="Duration of HTTP calls to other services."
)
_retries: Final = counter(
    "meridian.client.retries", unit="{retry}", description="Calls that were tried again."
)
_cut_off: Final = counter(
    "meridian.client.short_circuits",
    unit="{call}",
    description="Calls refused here because the callee was failing.",
)


@dataclass(frozen=True, slots=True)
class _Call:
    """What stays the same over all tries of one call."""

    method: str
    path: str
    operation: str
    content: bytes | None
    params: Params | None
    headers: Mapping[str, str]
    may_repeat: bool
    ends_at: float
    policy: CallPolicy


class _TryAgain(Exception):
    """This try failed in a way another may not."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


@dataclass(frozen=True)
class ServiceClient:
    """Calls one service. Share one instance per callee, so that its breaker and retry budget see all calls."""

    base_url: str
    callee: str
    signer: TokenSigner
    http: httpx.AsyncClient
    policy: CallPolicy = field(default_factory=CallPolicy)
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    budget: RetryBudget = field(default_factory=RetryBudget)

    async def request(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        principal: UserToken | None = None,
        json: BaseModel | Mapping[str, Any] | None = None,
        params: Params | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        policy: CallPolicy | None = None,
    ) -> CalleeResponse:
        """Call an operation and return its successful answer.

        Only GET, HEAD and calls with an idempotency key are tried again, each at most `policy.attempts` times and
        all together within a tenth of the calls that succeed. An overloaded callee is left alone. The caller's deadline
        shortens the policy's.

        Args:
            method: HTTP method.
            path: absolute path at the callee.
            operation: the callee's operation id, for spans, metrics and messages.
            principal: the user the call is made for; their token travels along.
            json: body to send.
            params: query parameters.
            idempotency_key: makes an unsafe call repeatable; the callee must honour it.
            headers: further headers, such as `If-Match`.
            policy: limits for this call instead of the client's.

        Raises:
            CalleeProblem: the callee refused (4xx).
            DependencyUnavailable: it failed, timed out, or is cut off.
            DeadlineExceeded: our own caller's time was over before we asked.
        """
        call = _Call(
            method,
            path,
            operation,
            _encoded(json),
            params,
            request_headers(principal, json, idempotency_key, headers),
            method in _IDEMPOTENT_METHODS or idempotency_key is not None,
            _end_of(policy or self.policy),
            policy or self.policy,
        )
        if not is_plain_path(path):
            # An id with a slash or a dot segment in it names nothing; asking would reach another operation.
            raise CalleeProblem(self.callee, operation, 404, "route_not_found", {})
        return await self._tried(call)

    async def _tried(self, call: _Call) -> CalleeResponse:
        attempt = 0
        while True:
            try:
                return await self._guarded(call, attempt)
            except _TryAgain as failed:
                attempt += 1
                pause = self._pause_before(call, attempt, failed)
                if pause is None:
                    raise self._unavailable(call, failed.reason, failed.after) from failed
            _retries.add(1, {"peer.service": self.callee})
            await asyncio.sleep(pause)

    def _pause_before(self, call: _Call, attempt: int, failed: _TryAgain) -> float | None:
        """Return how long to wait before trying again, or None to give up."""
        pause = full_jitter(attempt, call.policy.backoff_base, call.policy.backoff_cap)
        if failed.after is not None:
            pause += failed.after
        if not call.may_repeat or attempt >= call.policy.attempts:
            return None
        if pause >= call.ends_at - time.monotonic() or not self.budget.withdraw():
            return None
        return pause

    async def _guarded(self, call: _Call, attempt: int) -> CalleeResponse:
        if not self.breaker.allow():
            _cut_off.add(1, {"peer.service": self.callee})
            raise self._unavailable(call, "circuit_open", self.breaker.seconds_until_probe())
        try:
            answer = await self._once(call, attempt)
        except _TryAgain:
            self.breaker.record(healthy=False)
            raise
        except BaseException:
            # Cancelled, or a bug of ours: that says nothing about the callee.
            self.breaker.forget()
            raise
        if is_overload(answer):
            # It works as fast as it can: asking again would add to its load, and cutting it off would waste it.
            self.breaker.record(healthy=True)
            raise self._unavailable(call, "overloaded", retry_after_of(answer))
        healthy = answer.status_code < _FAILURE
        self.breaker.record(healthy=healthy)
        if healthy:
            self.budget.deposit()
        return self._judged(call, answer)

    async def _once(self, call: _Call, attempt: int) -> httpx.Response:
        seconds = min(call.policy.per_try, call.ends_at - time.monotonic())
        if seconds < _SHORTEST_TRY_SECONDS:
            raise _TryAgain("timeout")
        # No address: what stands in a path may be what somebody wrote. The name says which operation it was.
        attributes = {"http.request.method": call.method, "peer.service": self.callee}
        started = time.perf_counter()
        outcome = "0"
        with start_span(
            f"{call.method} {self.callee}.{call.operation}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
        ) as span:
            try:
                answer = await self._sent(call, seconds)
                outcome = str(answer.status_code)
            except TimeoutError:
                raise _TryAgain("timeout") from None
            except httpx.HTTPError as error:
                raise _TryAgain(type(error).__name__) from error
            finally:
                _describe(span, outcome, attempt)
                _duration.record(
                    time.perf_counter() - started,
                    {**attributes, "http.response.status_code": outcome},
                )
        return answer

    async def _sent(self, call: _Call, seconds: float) -> httpx.Response:
        headers = {
            **call.headers,
            "traceparent": current_traceparent(),
            DEADLINE_HEADER: str(int(seconds * 1000)),
            "Service-Authorization": f"Bearer {self.signer.token_for(self.callee)}",
        }
        # httpx limits each read on its own, so a slowly dripping answer would never end.
        async with asyncio.timeout(seconds):
            return await self.http.request(
                call.method,
                f"{self.base_url}{call.path}",
                params=call.params,
                content=call.content,
                headers=headers,
                timeout=seconds,
                follow_redirects=False,
            )

    def _judged(self, call: _Call, answer: httpx.Response) -> CalleeResponse:
        status = answer.status_code
        if status < _REDIRECT:
            return CalleeResponse(status, answer.headers, answer.content)
        if status in _TRY_AGAIN_LATER:
            raise _TryAgain(str(status), retry_after_of(answer))
        if status >= _FAILURE or status < _REFUSAL:
            raise self._unavailable(call, str(status), None)
        problem = problem_of(answer)
        code = str(problem.pop("code", ""))
        if code == _IN_FLIGHT:
            # Our own earlier try is still at work there; its answer is what we want.
            raise _TryAgain(code, retry_after_of(answer))
        raise CalleeProblem(self.callee, call.operation, status, code, problem)

    def _unavailable(self, call: _Call, reason: str, after: float | None) -> DependencyUnavailable:
        log.warning(
            "dependency_unavailable", callee=self.callee, operation=call.operation, reason=reason
        )
        return DependencyUnavailable(
            "Try again in a moment.",
            extensions={"dependency": self.callee},
            headers={"Retry-After": str(max(1, round(after or 1)))},
        )


def _end_of(policy: CallPolicy) -> float:
    left = remaining_seconds()
    if left is not None and left < _SHORTEST_TRY_SECONDS:
        raise DeadlineExceeded("Try again with more time.")
    return time.monotonic() + min(policy.total, policy.total if left is None else left)


def _encoded(body: BaseModel | Mapping[str, Any] | None) -> bytes | None:
    if isinstance(body, BaseModel):
        return body.model_dump_json().encode()
    return None if body is None else jsonlib.dumps(body, separators=(",", ":")).encode()


def _describe(span: Span, outcome: str, attempt: int) -> None:
    if outcome != "0":
        span.set_attribute("http.response.status_code", int(outcome))
    if attempt:
        span.set_attribute("http.request.resend_count", attempt)
