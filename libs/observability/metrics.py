"""Metrics through OpenTelemetry's meter API, shown as Prometheus text and pushed by OTLP when configured.

Instruments may be made at import time: they record nothing until `configure_metrics` ran.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from libs.observability.tracing import resource_of

__all__ = [
    "Counter",
    "Histogram",
    "Observation",
    "configure_metrics",
    "counter",
    "gauge",
    "histogram",
    "render_metrics",
]

SECONDS_BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""Bounds the HTTP semantic conventions recommend for durations."""

_EXPORT_INTERVAL_MILLIS: Final = 15_000

Reading = float | Iterable[Observation]


class _Process:
    """The provider of this process; the API lets it be set once."""

    provider: MeterProvider | None = None
    registry: Final = CollectorRegistry()
    counters: Final[dict[str, Counter]] = {}
    histograms: Final[dict[str, Histogram]] = {}
    gauges: Final[dict[str, dict[object, Callable[[], Reading]]]] = {}


def configure_metrics(service: str, region: str, otlp_endpoint: str | None) -> None:
    """Start collecting; the end of the process pushes the rest. Later calls in the same process change nothing."""
    if _Process.provider is not None:
        return
    readers: list[MetricReader] = [
        PrometheusMetricReader(scope_info_enabled=False, registry=_Process.registry)
    ]
    if otlp_endpoint is not None:
        exporter = OTLPMetricExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/metrics")
        readers.append(
            PeriodicExportingMetricReader(exporter, export_interval_millis=_EXPORT_INTERVAL_MILLIS)
        )
    ProcessCollector(registry=_Process.registry)
    GCCollector(registry=_Process.registry)
    _Process.provider = MeterProvider(metric_readers=readers, resource=resource_of(service, region))
    metrics.set_meter_provider(_Process.provider)


def counter(name: str, *, unit: str = "", description: str = "") -> Counter:
    """Return the counter of this name; it only grows."""
    if name not in _Process.counters:
        _Process.counters[name] = metrics.get_meter("meridian").create_counter(
            name, unit=unit, description=description
        )
    return _Process.counters[name]


def histogram(
    name: str,
    *,
    unit: str = "s",
    description: str = "",
    buckets: Sequence[float] = SECONDS_BUCKETS,
) -> Histogram:
    """Return the histogram of this name; `buckets` are its upper bounds in `unit`."""
    if name not in _Process.histograms:
        _Process.histograms[name] = metrics.get_meter("meridian").create_histogram(
            name, unit=unit, description=description, explicit_bucket_boundaries_advisory=buckets
        )
    return _Process.histograms[name]


def gauge(
    name: str, callback: Callable[[], Reading], *, unit: str = "", description: str = ""
) -> Callable[[], None]:
    """Show what `callback` returns whenever metrics are read; call the result to stop.

    The callback may run in another thread and must not block: it returns a number, or observations with attributes.
    """
    callbacks = _Process.gauges.get(name)
    if callbacks is None:
        callbacks = _Process.gauges[name] = {}
        metrics.get_meter("meridian").create_observable_gauge(
            name, [_reader_of(callbacks)], unit=unit, description=description
        )
    handle = object()
    callbacks[handle] = callback
    return lambda: callbacks.pop(handle, None) and None


def render_metrics() -> tuple[bytes, str]:
    """Return all metrics as Prometheus text and its content type."""
    return generate_latest(_Process.registry), CONTENT_TYPE_PLAIN_0_0_4


def _reader_of(
    callbacks: dict[object, Callable[[], Reading]],
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def read(_: CallbackOptions) -> Iterable[Observation]:
        for callback in list(callbacks.values()):
            reading = callback()
            if isinstance(reading, int | float):
                yield Observation(reading)
            else:
                yield from reading

    return read
