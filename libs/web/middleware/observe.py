"""One server span, one duration and one log line for every request, by OpenTelemetry's HTTP conventions."""

import time
from typing import Final

from opentelemetry.trace import Status, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.observability.logging import get_logger
from libs.observability.metrics import gauge, histogram
from libs.observability.paths import route_template, shown_path
from libs.observability.tracing import Span, SpanKind, start_span
from libs.web.middleware.scopes import header_of

_KNOWN_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
_QUIET: Final = frozenset({"/livez", "/readyz", "/metrics"})
_SERVER_ERRORS: Final = 500
_NO_ANSWER: Final = 499
"""What nginx calls a client that went away before an answer began."""

log = get_logger(__name__)

_duration: Final = histogram(
    "http.server.request.duration", description="Duration of HTTP requests, by route template."
)


class Observe:
    """Measures requests by route template, never by raw path, so that ids do not become time series."""

    _active = 0

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        gauge("http.server.active_requests", _active_requests, unit="{request}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _KNOWN_METHODS else "_OTHER"
        status = _NO_ANSWER

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        Observe._active += 1
        with start_span(
            method,
            kind=SpanKind.SERVER,
            parent=header_of(scope, b"traceparent"),
            attributes={"http.request.method": method, "url.scheme": scope["scheme"]},
        ) as span:
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                Observe._active -= 1
                _report(scope, span, method, status, time.perf_counter() - started)


def _active_requests() -> float:
    return Observe._active  # noqa: SLF001 - the class's own count


def _report(scope: Scope, span: Span, method: str, status: int, seconds: float) -> None:
    route = route_template(scope)
    span.update_name(f"{method} {route}")
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    if status >= _SERVER_ERRORS:
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))
    _duration.record(
        seconds,
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": str(status),
            "url.scheme": scope["scheme"],
        },
    )
    state = scope.get("state", {})
    quiet = "shed" in state or (route in _QUIET and status < _SERVER_ERRORS)
    write = log.debug if quiet else log.info
    write(
        "http_request",
        method=method,
        path=shown_path(scope),
        route=route,
        status=status,
        problem=state.get("problem_code"),
        duration_ms=round(seconds * 1000, 2),
        subject=_subject_of(scope),
    )


def _subject_of(scope: Scope) -> str | None:
    """Return the id of whoever was verified; refused requests have been verified, too."""
    state = scope.get("state", {})
    return getattr(state.get("principal") or state.get("verified"), "subject", None)
