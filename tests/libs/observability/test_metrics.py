import re
from collections.abc import Iterable

import pytest

from libs.observability.metrics import (
    Observation,
    configure_metrics,
    counter,
    gauge,
    histogram,
    render_metrics,
)


@pytest.fixture(autouse=True)
def configured() -> None:
    configure_metrics("order", "us-east-1", None)
    configure_metrics("another", "eu-west-1", None)


def rendered() -> str:
    body, content_type = render_metrics()
    assert content_type.startswith("text/plain; version=0.0.4")
    return body.decode()


def test_an_instrument_is_made_once_per_name() -> None:
    first = counter("test.things", unit="{thing}", description="Things.")
    assert counter("test.things") is first
    first.add(2, {"kind": "a"})
    first.add(1, {"kind": "a"})
    assert 'test_things_total{kind="a"} 3.0' in rendered()
    assert histogram("test.size", unit="By", buckets=(1, 10)) is histogram("test.size")


def test_a_histogram_has_its_buckets() -> None:
    histogram("test.weight", unit="g", buckets=(1.0, 10.0)).record(5)
    text = rendered()
    assert 'test_weight_grams_bucket{le="1.0"} 0.0' in text
    assert 'test_weight_grams_bucket{le="10.0"} 1.0' in text
    assert 'test_weight_grams_bucket{le="+Inf"} 1.0' in text


def test_a_gauge_shows_what_its_callback_says_until_it_is_taken_away() -> None:
    def by_queue() -> Iterable[Observation]:
        return [Observation(3, {"queue": "a"}), Observation(4, {"queue": "b"})]

    stop = gauge("test.depth", by_queue)
    text = rendered()
    assert 'test_depth{queue="a"} 3.0' in text
    stop()
    stop()
    stop_number = gauge("test.depth", lambda: 7)
    assert " 7.0" in rendered()
    stop_number()


def test_the_process_describes_itself() -> None:
    text = rendered()
    # The first configuration of the process counts; another test of this process may have made it.
    assert re.search(r'service_name="[a-z]+"', text)
    assert 'cloud_region="us-east-1"' in text
    assert "process_resident_memory_bytes" in text
    assert "python_gc_collections_total" in text
