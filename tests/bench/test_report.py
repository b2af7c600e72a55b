from collections import Counter
from datetime import UTC, datetime

import pytest

from bench.backlog import Backlog
from bench.hot import SINGLE, SPREAD, HotRun
from bench.lag import Lag
from bench.orders import Placed, Settled
from bench.reads import BARE, DIRECT
from bench.report import Results, Round, markdown
from bench.startup import Start
from bench.tables import table, verdict
from bench.wire import Load
from local.state import Record
from local.status import Usage

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def usage(name: str, *, megabytes: int, cpu: float) -> Usage:
    record = Record(name, 1, 0.0, "python")
    return Usage(record, True, cpu, megabytes * 1_000_000, 1.0)  # noqa: FBT003 - a dataclass of local


def a_round(placed: int, *, yardstick: float) -> Round:
    ids = [f"ord_{number}" for number in range(placed)]
    return Round(Placed(NOON, 2.0, ids, [0.1] * placed), Settled(4.0, 5.0), yardstick)


@pytest.fixture
def results() -> Results:
    return Results(
        command="make bench",
        began=NOON,
        busy=0.5,
        postgres="18.6",
        first_start=Start(30.0, 31.0),
        start=Start(20.0, 20.4),
        stop_seconds=4.0,
        idle_seconds=20,
        idle=[usage("order", megabytes=900, cpu=3.0), usage("auth", megabytes=800, cpu=1.5)],
        after_load=[usage("order", megabytes=950, cpu=0.0)],
        reads={
            BARE: [Load(1.0, [0.001] * 100, Counter()), Load(1.0, [0.001] * 200, Counter())],
            DIRECT: [Load(1.0, [0.002] * 50, Counter()), Load(1.0, [0.002] * 50, Counter())],
        },
        read_connections=16,
        orders=[a_round(20, yardstick=100.0), a_round(40, yardstick=100.0)],
        order_clients=8,
        lags=[Lag("order.placed.v1", "cart-inbox", n / 1000) for n in range(1, 101)],
        lag_rate=5.0,
        hot={
            SINGLE: [HotRun(100.0, [0.4, 0.8], 30.0), HotRun(200.0, [0.4], 30.0)],
            SPREAD: [HotRun(400.0, [0.001, 0.002], 80.0), HotRun(700.0, [0.001], 80.0)],
        },
        syncs=[0.0004] * 99 + [0.002],
        backlog=Backlog(1000, 400.0, 99.0, [0.1] * 99 + [2.1], [0.1] * 98 + [2.0] * 2),
    )


def test_a_table_has_a_row_per_figure_and_ends_with_a_blank_line() -> None:
    assert list(table(("what", "s"), [("a", "1")])) == [
        "| what | s |",
        "|---|---:|",
        "| a | 1 |",
        "",
    ]


@pytest.mark.parametrize(("figure", "said"), [(19.9, "yes"), (20.0, "yes"), (20.1, "**no**")])
def test_a_bar_is_met_up_to_and_including_it(figure: float, said: str) -> None:
    assert verdict(figure, 20.0) == said


def test_the_page_says_what_made_it_and_where(results: Results) -> None:
    page = markdown(results)
    assert "`make bench`" in page
    assert "| date | 2026-11-22 12:00 UTC |" in page
    assert "| load average before the run | 0.5 |" in page


def test_reads_stand_beside_the_bare_route_of_the_same_round(results: Results) -> None:
    assert "| 50 | 50 | 50 | 2.0 | 2.0 | 0.25, 0.38, 0.50 |" in markdown(results)


def test_orders_stand_beside_pgbench_of_the_same_round(results: Results) -> None:
    page = markdown(results)
    assert "| orders placed per second | 10.0 | 15.0 | 20.0 |" in page
    assert "| ratio | 0.100 | 0.150 | 0.200 |" in page
    assert "| orders confirmed per second | 5.0 | 7.5 | 10.0 |" in page


def test_lag_is_told_in_all_and_by_message(results: Results) -> None:
    page = markdown(results)
    assert "| **all** |  | 100 | 50 | 99 | 100 |" in page
    assert "| order.placed.v1 | cart-inbox | 100 | 50 | 99 | 100 |" in page


def test_a_backlog_stands_beside_its_bars(results: Results) -> None:
    page = markdown(results)
    assert "| published per second | 400 | >= 400 | yes |" in page
    assert "| consumed per second | 99 | >= 100 | **no** |" in page
    assert "| from commit to published, p99 s | 0.10 | <= 2 | yes |" in page
    assert "| from commit to consumed, p99 s | 2.00 | <= 2 | yes |" in page


def test_each_bar_stands_beside_its_figure(results: Results) -> None:
    page = markdown(results)
    assert "took 4.0 s (bar: <= 10 s, met: yes)" in page
    assert "| start with data initialised | 20.0 | 20.4 | <= 20 s | **no** |" in page
    assert "| **all** | **1700** | 950 | **4.5** |" in page
    assert "| met | **no** | yes | yes |" in page


def test_what_was_not_measured_is_left_out() -> None:
    page = markdown(Results("make bench", NOON, 0.0))
    assert "##" not in page.replace("# Benchmarks", "")


def test_buckets_stand_beside_the_single_row_of_the_same_round(results: Results) -> None:
    page = markdown(results)
    assert "| one row | 100 | 150 | 200 | 400.0 | 800.0 |" in page
    assert "| 16 buckets | 400 | 550 | 700 | 1.0 | 2.0 |" in page
    assert "3.5 to 4.0 times as fast, median 3.8;" in page
    assert "Bar: >= 3 times as fast, met: yes." in page
    assert "their p99 wait is 0.003 of the single row's" in page
    assert "0.40 ms (p50), 0.40 ms (p99)" in page


def test_a_busy_machine_has_another_bar_for_buckets(results: Results) -> None:
    slow, quick = HotRun(100.0, [1.0], 99.0), HotRun(180.0, [0.2], 99.0)
    results.hot = {SINGLE: [slow], SPREAD: [quick]}
    assert ">= 1.5 times as fast and <= 0.25 of the wait, met: yes." in markdown(results)
    results.hot = {SINGLE: [slow], SPREAD: [HotRun(180.0, [0.3], 99.0)]}
    assert ">= 1.5 times as fast and <= 0.25 of the wait, met: **no**." in markdown(results)
