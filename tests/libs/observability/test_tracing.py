import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from typing_extensions import override

from libs.observability.tracing import (
    SpanKind,
    configure_tracing,
    current_traceparent,
    shutdown_tracing,
    start_span,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Collector:
    """Takes OTLP over HTTP, as a collector would."""

    def __init__(self) -> None:
        received: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            @override
            def log_message(self, *_: object) -> None:
                return

        self.received = received
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list[WireSpan]:
        return [
            span
            for body in self.received
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    shutdown_tracing()
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


def parts() -> list[str]:
    return current_traceparent().split("-")


def test_without_an_exporter_spans_have_ids_and_record_nothing() -> None:
    configure_tracing("order", "us-east-1", None)
    with start_span("outer") as outer:
        assert not outer.is_recording()
        _, trace, outer_span, _ = parts()
        with start_span("inner", kind=SpanKind.CLIENT, attributes={"a": 1}):
            assert parts()[1] == trace
            assert parts()[2] != outer_span
        assert parts()[2] == outer_span


def test_outside_of_spans_there_is_still_a_valid_traceparent() -> None:
    version, trace, span, flags = parts()
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "00")
    assert int(trace, 16)
    assert int(span, 16)


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_parent_from_elsewhere_is_continued_with_its_sampling(flags: str) -> None:
    with start_span("server", parent=f"00-{TRACE}-00f067aa0ba902b7-{flags}"):
        assert parts()[1] == TRACE
        assert parts()[2] != "00f067aa0ba902b7"
        assert parts()[3] == flags


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        f"00-{TRACE}-00f067aa0ba902b7",
        f"00-{TRACE}-0000000000000000-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01-extra",
        f"00-{TRACE}-00f067aa0ba902b7-01\n",
    ],
)
def test_a_malformed_parent_starts_a_trace_of_its_own(parent: str) -> None:
    with start_span("server", parent=parent):
        assert parts()[1] != TRACE


def test_a_parent_of_a_later_version_is_understood() -> None:
    with start_span("server", parent=f"01-{TRACE}-00f067aa0ba902b7-01-more"):
        assert parts()[1] == TRACE


async def test_concurrent_tasks_keep_their_own_spans() -> None:
    async def trace() -> tuple[str, str]:
        with start_span("task"):
            before = current_traceparent()
            await asyncio.sleep(0)
            return before, current_traceparent()

    seen = await asyncio.gather(*(trace() for _ in range(20)))
    assert all(before == after for before, after in seen)
    assert len({before for before, _ in seen}) == 20


def consume(*links: str) -> None:
    with start_span("consume", parent=PARENT, links=links):
        with start_span("inner", kind=SpanKind.CLIENT, attributes={"http.request.method": "GET"}):
            pass
        raise KeyError("ada@example.com")


def test_spans_reach_the_collector_with_parents_links_and_failures(collector: Collector) -> None:
    configure_tracing("order", "us-east-1", f"{collector.address}/")
    with pytest.raises(KeyError):
        consume(f"00-{'a' * 32}-{'b' * 16}-01", "nonsense")
    shutdown_tracing()
    inner, outer = sorted(collector.spans(), key=lambda span: span.name != "inner")
    assert outer.trace_id.hex() == TRACE
    assert outer.parent_span_id.hex() == "00f067aa0ba902b7"
    assert [one.trace_id.hex() for one in outer.links] == ["a" * 32]
    assert inner.parent_span_id == outer.span_id
    assert inner.kind == WireSpan.SPAN_KIND_CLIENT
    assert {one.key: one.value.string_value for one in outer.attributes} == {
        "error.type": "KeyError"
    }
    assert b"ada@example.com" not in b"".join(collector.received)
    assert b"order" in collector.received[0]


def test_a_caller_who_does_not_sample_is_not_exported(collector: Collector) -> None:
    configure_tracing("order", "us-east-1", collector.address)
    with start_span("quiet", parent=f"00-{TRACE}-00f067aa0ba902b7-00"):
        assert parts()[1] == TRACE
    with start_span("loud"):
        pass
    shutdown_tracing()
    assert [span.name for span in collector.spans()] == ["loud"]
