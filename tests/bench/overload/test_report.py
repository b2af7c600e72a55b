from collections import Counter
from datetime import UTC, datetime

from bench.overload.arrivals import Tally
from bench.overload.course import Overload
from bench.overload.report import markdown

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_page_names_figures_beside_their_bars() -> None:
    results = Overload(
        load_before=0.5,
        seconds=10.0,
        order_peak=Tally(offered=100, seconds=10.0, good=[0.5] * 100),
        orders=Tally(
            offered=300,
            seconds=10.0,
            good=[0.6] * 90,
            refused=[0.004] * 209,
            others=Counter({504: 1}),
        ),
        order_recovery=1.25,
        read_peak=Tally(offered=5000, seconds=10.0, good=[0.01] * 5000),
        reads=Tally(offered=15_000, seconds=10.0, good=[0.02] * 4500, refused=[0.001] * 10_500),
        orders_beside=Tally(offered=50, seconds=10.0, good=[0.3] * 40),
    )
    text = markdown(results, NOON)
    assert "| offered per second | 30.0 |  |" in text
    assert "| goodput, of the most | 90% | >= 80% |" in text
    assert "| refusals, p99 | 4 ms | <= 50 ms |" in text
    assert "| other answers | 1 x 504 |  |" in text
    assert "| orders accepted, of those offered | 80% | >= 30% |" in text
    assert "| quick again after | 1.2 s | <= 30 s |" in text
    assert "| quick again after | never | <= 30 s |" in text
