"""Turns what was measured into `docs/benchmarks.md`: plain tables, bars beside figures, no judgement beyond that."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from bench.backlog import Backlog
from bench.backlog_report import backlog_lines
from bench.figures import Spread, percentile, ratios
from bench.hot import HotRun
from bench.hot_report import hot_section
from bench.lag import Lag
from bench.orders import Placed, Settled
from bench.reads import BARE
from bench.startup import Start
from bench.tables import table, verdict
from bench.wire import Load
from local.status import Usage

FIRST_ORDER_BAR_SECONDS: Final = 20.0
FIRST_START_BAR_SECONDS: Final = 180.0
STOP_BAR_SECONDS: Final = 10.0
MEMORY_BAR_BYTES: Final = 1.6e9
IDLE_CPU_BAR_PERCENT: Final = 5.0

_MEGABYTE: Final = 1e6
_SLOW_PERCENT: Final = 99.0


class Round(NamedTuple):
    """One burst of orders, and the yardstick taken right after it, in orders per second."""

    placed: Placed
    settled: Settled
    yardstick: float


@dataclass
class Results:
    """Everything measured in one run.

    Attributes:
        command: what was typed.
        busy: the machine's load average when the run began; its own work is not in it.
    """

    command: str
    began: datetime
    busy: float
    postgres: str = ""
    first_start: Start | None = None
    start: Start | None = None
    stop_seconds: float = 0.0
    idle_seconds: float = 0.0
    idle: Sequence[Usage] = ()
    after_load: Sequence[Usage] = ()
    reads: Mapping[str, Sequence[Load]] = field(default_factory=dict)
    read_connections: int = 0
    orders: Sequence[Round] = ()
    order_clients: int = 0
    lags: Sequence[Lag] = ()
    lag_rate: float = 0.0
    lag_refused: int = 0
    hot: Mapping[str, Sequence[HotRun]] = field(default_factory=dict)
    syncs: Sequence[float] = ()
    backlog: Backlog | None = None


def markdown(results: Results) -> str:
    """Write the whole page."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield (
        f"Written by `{results.command}`. The figures are those of one machine at one time; the ratios, taken in turns"
        " within one run, are what to compare. Nothing here is asserted by a test."
    )
    yield ""
    yield from table(("", ""), _circumstances(results))
    yield from _reads(results)
    yield from _orders(results)
    yield from _lag(results)
    yield from hot_section(results.hot, results.syncs)
    yield from backlog_lines(results.backlog)
    yield from _starts(results)
    yield from _footprint(results)


def _circumstances(results: Results) -> list[tuple[str, ...]]:
    return [
        ("date", f"{results.began:%Y-%m-%d %H:%M} UTC"),
        ("cores", str(os.cpu_count())),
        ("machine", f"{platform.system()} {platform.machine()}"),
        ("Python", platform.python_version()),
        ("PostgreSQL", f"{results.postgres}, fsync on"),
        ("load average before the run", f"{results.busy:.1f}"),
    ]


def _reads(results: Results) -> Iterator[str]:
    bare = [load.per_second for load in results.reads.get(BARE, ())]
    if not bare:
        return
    yield "## Reading a product"
    yield ""
    yield (
        f"Requests per second over {results.read_connections} kept connections, {len(bare)} rounds in turns; the load"
        " generator shares the machine. The bare route answers one small object with the same server (uvicorn, uvloop,"
        " httptools). The product comes from the warm cache, behind rate limit, request ids, trace context and headers."
    )
    yield ""
    rows = []
    for name, loads in results.reads.items():
        rates = [load.per_second for load in loads]
        waits = [seconds for load in loads for seconds in load.latencies]
        rows.append(
            (
                name,
                *_three(Spread.of(rates), "{:.0f}"),
                _milliseconds(percentile(waits, 50)),
                _milliseconds(percentile(waits, _SLOW_PERCENT)),
                _in_one(Spread.of(ratios(rates, bare))),
            )
        )
    heads = (
        "",
        "min/s",
        "median/s",
        "max/s",
        "p50 ms",
        "p99 ms",
        "of the bare route (min, median, max)",
    )
    yield from table(heads, rows)


def _orders(results: Results) -> Iterator[str]:
    rounds = results.orders
    if not rounds:
        return
    placed = [one.placed.per_second for one in rounds]
    yardstick = [one.yardstick for one in rounds]
    counts = [len(one.placed.order_ids) for one in rounds]
    waits = [seconds for one in rounds for seconds in one.placed.latencies]
    yield "## Placing orders"
    yield ""
    yield (
        f"`POST /v1/orders` through the gateway, {results.order_clients} at a time, {counts[0]} orders of one line per"
        f" round, {len(rounds)} rounds in turns with pgbench. pgbench runs the statements of one such request"
        " (`bench/order.sql`: 7 transactions of order, cart, user and product) with as many clients on the same server,"
        " in a copy of the database. Payment, stock commit and capture go on meanwhile; *confirmed* and *paid* count"
        " until the last order of the round got there."
    )
    yield ""
    confirmed = [count / one.settled.confirmed for count, one in zip(counts, rounds, strict=True)]
    captured = [count / one.settled.captured for count, one in zip(counts, rounds, strict=True)]
    yield from table(
        ("", "min", "median", "max"),
        [
            ("orders placed per second", *_three(Spread.of(placed), "{:.1f}")),
            ("the same statements by pgbench, per second", *_three(Spread.of(yardstick), "{:.0f}")),
            ("ratio", *_three(Spread.of(ratios(placed, yardstick)), "{:.3f}")),
            ("orders confirmed per second", *_three(Spread.of(confirmed), "{:.1f}")),
            ("orders paid per second", *_three(Spread.of(captured), "{:.1f}")),
        ],
    )
    yield (
        f"One request took {_milliseconds(percentile(waits, 50))} ms (p50),"
        f" {_milliseconds(percentile(waits, _SLOW_PERCENT))} ms (p99);"
        f" {sum(one.placed.refused.total() for one in rounds)} were refused."
    )
    yield ""


def _lag(results: Results) -> Iterator[str]:
    if not results.lags:
        return
    yield "## From commit to consumed"
    yield ""
    yield (
        f"While {results.lag_rate:g} orders per second were placed, each at its time whatever came back: from the start"
        " of the transaction that wrote the message to the commit of the one that acted on it, at each consumer"
        " (outbox, relay, SNS/SQS emulator, inbox, handler; for payment commands the call to the provider is included)."
        f" {results.lag_refused} orders were refused."
    )
    yield ""
    by_type: dict[tuple[str, str], list[float]] = {}
    for lag in results.lags:
        by_type.setdefault((lag.message_type, lag.consumer), []).append(lag.seconds)
    rows = [("**all**", "", *_lag_figures([lag.seconds for lag in results.lags]))]
    rows += [(*key, *_lag_figures(by_type[key])) for key in sorted(by_type)]
    yield from table(("message", "consumer", "count", "p50 ms", "p99 ms", "max ms"), rows)


def _lag_figures(seconds: Sequence[float]) -> tuple[str, str, str, str]:
    percents = [percentile(seconds, percent) for percent in (50, _SLOW_PERCENT, 100)]
    middle, slow, slowest = (f"{1000 * value:.0f}" for value in percents)
    return str(len(seconds)), middle, slow, slowest


def _starts(results: Results) -> Iterator[str]:
    if results.first_start is None or results.start is None:
        return
    yield "## Starting"
    yield ""
    yield (
        "Seconds from the start of `make up`'s process until a new customer (registered on the way) had an order"
        " accepted and confirmed; packages are installed."
    )
    yield ""
    rows = []
    for name, start, bar in (
        ("very first start: nothing initialised", results.first_start, FIRST_START_BAR_SECONDS),
        ("start with data initialised", results.start, FIRST_ORDER_BAR_SECONDS),
    ):
        reached = verdict(start.confirmed, bar)
        rows.append(
            (name, f"{start.ordered:.1f}", f"{start.confirmed:.1f}", f"<= {bar:.0f} s", reached)
        )
    yield from table(("", "accepted", "confirmed", "bar", "met"), rows)
    yield (
        f"Stopping it with Ctrl-C, after all the load, took {results.stop_seconds:.1f} s"
        f" (bar: <= {STOP_BAR_SECONDS:.0f} s, met: {verdict(results.stop_seconds, STOP_BAR_SECONDS)})."
    )
    yield ""


def _footprint(results: Results) -> Iterator[str]:
    if not results.idle:
        return
    yield "## Memory and idle CPU"
    yield ""
    yield (
        "Proportional set size of every process (children included), and CPU in percent of one core over"
        f" {results.idle_seconds:.0f} s in which nobody used the shop."
    )
    yield ""
    later = {usage.record.name: usage.memory_bytes for usage in results.after_load}
    rows = [
        (
            usage.record.name,
            f"{usage.memory_bytes / _MEGABYTE:.0f}",
            _megabytes(later.get(usage.record.name)),
            f"{usage.cpu_percent:.1f}",
        )
        for usage in sorted(results.idle, key=lambda usage: -usage.memory_bytes)
    ]
    memory = sum(usage.memory_bytes for usage in results.idle)
    cpu = sum(usage.cpu_percent for usage in results.idle)
    after = sum(later.values()) or None
    rows.append(("**all**", f"**{memory / _MEGABYTE:.0f}**", _megabytes(after), f"**{cpu:.1f}**"))
    most = MEMORY_BAR_BYTES / _MEGABYTE
    rows.append(("bar", f"<= {most:.0f}", f"<= {most:.0f}", f"<= {IDLE_CPU_BAR_PERCENT:g}"))
    after_verdict = verdict(after, MEMORY_BAR_BYTES) if after else ""
    idle_verdict = verdict(cpu, IDLE_CPU_BAR_PERCENT)
    rows.append(("met", verdict(memory, MEMORY_BAR_BYTES), after_verdict, idle_verdict))
    yield from table(("part", "MB when idle", "MB after the load", "idle CPU %"), rows)


def _three(spread: Spread, form: str) -> tuple[str, str, str]:
    return (
        form.format(spread.smallest),
        form.format(spread.middle),
        form.format(spread.largest),
    )


def _in_one(spread: Spread) -> str:
    return ", ".join(_three(spread, "{:.2f}"))


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"


def _megabytes(size: float | None) -> str:
    return "" if size is None else f"{size / _MEGABYTE:.0f}"
