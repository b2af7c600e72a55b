"""Spans and W3C trace context. Without an exporter spans record nothing but still have ids, so traces always flow."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)
from opentelemetry.util.types import AttributeValue

__all__ = [
    "Span",
    "SpanKind",
    "configure_tracing",
    "current_traceparent",
    "resource_of",
    "shutdown_tracing",
    "start_span",
]

_TRACEPARENT: Final = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)
_NO_ATTRIBUTES: Final[Mapping[str, AttributeValue]] = {}


class _Process:
    """The provider of this process; none means nobody collects spans."""

    provider: TracerProvider | None = None


def resource_of(service: str, region: str) -> Resource:
    """Describe this process by OpenTelemetry's resource conventions."""
    return Resource.create(
        {"service.name": service, "service.namespace": "meridian", "cloud.region": region}
    )


def configure_tracing(service: str, region: str, otlp_endpoint: str | None) -> None:
    """Export spans to the collector's OTLP/HTTP address, or nowhere when it is not set."""
    shutdown_tracing()
    if otlp_endpoint is None:
        return
    provider = TracerProvider(resource=resource_of(service, region))
    exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _Process.provider = provider


def shutdown_tracing() -> None:
    """Send what is buffered and stop exporting; the end of the process does so by itself."""
    provider, _Process.provider = _Process.provider, None
    if provider is not None:
        provider.shutdown()


@contextmanager
def start_span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    links: Sequence[str] = (),
    attributes: Mapping[str, AttributeValue] = _NO_ATTRIBUTES,
) -> Iterator[Span]:
    """Run the block inside a span that is a child of `parent` or, without one, of the current span.

    Args:
        name: low-cardinality name such as `GET /v1/orders/{order_id}`.
        kind: SERVER, CLIENT, PRODUCER, CONSUMER or INTERNAL.
        parent: a `traceparent` from another process (W3C Trace Context); a malformed one is ignored.
        links: `traceparent`s of related spans, such as the producer of a message.
        attributes: OpenTelemetry semantic convention names; never personal data.
    """
    upstream = _parse(parent) or trace.get_current_span().get_span_context()
    span = _new_span(name, kind, upstream, links, attributes)
    with trace.use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield span
        except Exception as error:
            # The class only: messages of exceptions may hold personal data.
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(Status(StatusCode.ERROR))
            raise


def current_traceparent() -> str:
    """Return the `traceparent` of the current span; a fresh trace when there is none."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        context = _child_of(INVALID_SPAN_CONTEXT)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _new_span(
    name: str,
    kind: SpanKind,
    upstream: SpanContext,
    links: Sequence[str],
    attributes: Mapping[str, AttributeValue],
) -> Span:
    if _Process.provider is None:
        return NonRecordingSpan(_child_of(upstream))
    return _Process.provider.get_tracer("meridian").start_span(
        name,
        context=trace.set_span_in_context(NonRecordingSpan(upstream)),
        kind=kind,
        attributes=dict(attributes),
        links=[Link(context) for context in map(_parse, links) if context is not None],
        record_exception=False,
        set_status_on_exception=False,
    )


def _child_of(upstream: SpanContext) -> SpanContext:
    # getrandbits(...) or 1: the all-zero id is the one invalid value (W3C Trace Context 3.2.2).
    span_id = random.getrandbits(64) or 1
    if upstream.is_valid:
        return SpanContext(
            upstream.trace_id, span_id, is_remote=False, trace_flags=upstream.trace_flags
        )
    trace_id = random.getrandbits(128) or 1
    return SpanContext(
        trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.DEFAULT)
    )


def _parse(traceparent: str | None) -> SpanContext | None:
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or (found["version"] == "00" and found["rest"]):
        return None
    context = SpanContext(
        int(found["trace"], 16),
        int(found["span"], 16),
        is_remote=True,
        trace_flags=TraceFlags(int(found["flags"], 16) & TraceFlags.SAMPLED),
    )
    return context if context.is_valid else None
