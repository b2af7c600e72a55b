from datetime import UTC, datetime

from bench.orders import Placed, Settled
from bench.versions.course import Burst, Comparison
from bench.versions.report import markdown, section_of, with_section

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def burst(seconds: float, latency: float) -> Burst:
    placed = Placed(NOW, seconds, ["ord_1", "ord_2"], [latency, latency])
    return Burst(placed, Settled(confirmed=seconds, captured=2 * seconds))


def test_the_section_shows_medians_and_the_spread_of_paired_ratios() -> None:
    results = Comparison(
        "v0.1.0", 0.5, [burst(1.0, 0.1)] * 3, [burst(2.0, 0.1), burst(1.0, 0.2), burst(0.5, 0.4)]
    )
    text = markdown(results, NOW)
    assert "| orders placed per second | 2.0 | 2.0 | 0.50, 1.00, 2.00 |" in text
    assert "| orders paid per second | 1.0 | 1.0 | 0.50, 1.00, 2.00 |" in text
    assert "| one request, p99 ms | 100.0 | 200.0 | 1.00, 2.00, 4.00 |" in text


def test_the_section_replaces_its_predecessor_and_survives_a_new_page() -> None:
    old = with_section("# Benchmarks\n\nold figures\n", "## Before and after\n\nonce\n")
    assert section_of(old) == "## Before and after\n\nonce\n"
    again = with_section(old, "## Before and after\n\ntwice\n")
    assert again == "# Benchmarks\n\nold figures\n\n## Before and after\n\ntwice\n"
    assert with_section("# Benchmarks\n\nnew\n", section_of(again)).endswith(
        "new\n\n## Before and after\n\ntwice\n"
    )
    assert section_of("# Benchmarks\n") == ""
    assert with_section("# Benchmarks\n", "") == "# Benchmarks\n"
