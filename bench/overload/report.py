"""Turns what was seen into `docs/overload.md`."""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bench.figures import percentile
from bench.overload.arrivals import Tally
from bench.overload.course import TIMES, Overload
from bench.tables import table

GOODPUT_BAR: Final = 0.8
RECOVERY_BAR_SECONDS: Final = 30.0
REFUSAL_BAR_MS: Final = 50.0


def markdown(results: Overload, began: datetime) -> str:
    """Write the page."""
    return "\n".join(_lines(results, began)) + "\n"


def _lines(results: Overload, began: datetime) -> Iterator[str]:
    yield "# Asked for three times what it can do"
    yield ""
    yield (
        "Written by `make overload`. The load is open: requests leave at their time whatever became of those before, from"
        " many addresses, for"
        f" {results.seconds:.0f} s. Load generator, edge, six services, PostgreSQL, Valkey and the emulator share"
        f" {os.cpu_count()} processors. Nothing here is asserted by a test; tests/faults shows the mechanism."
    )
    yield ""
    yield from table(
        ["", ""],
        [
            ["date", f"{began:%Y-%m-%d %H:%M} UTC"],
            ["load average before the run", f"{results.load_before:.1f}"],
        ],
    )
    yield from _orders(results)
    yield from _visitors(results)
    yield from _visitors_beside_buyers(results)


def _orders(results: Overload) -> Iterator[str]:
    goodput = _ratio(results.orders.per_second, results.order_peak.per_second)
    yield ""
    yield "## Three times the orders"
    yield ""
    yield "`POST /v1/orders` through the edge, as many as come back when eight are always under way, then three times that."
    yield ""
    yield from table(
        ["", "figure", "bar"],
        [
            ["most orders per second", f"{results.order_peak.per_second:.1f}", ""],
            ["offered per second", f"{TIMES * results.order_peak.per_second:.1f}", ""],
            ["accepted per second", f"{results.orders.per_second:.1f}", ""],
            ["goodput, of the most", f"{goodput:.0%}", f">= {GOODPUT_BAR:.0%}"],
            *_answers(results.orders),
            ["quick again after", _seconds(results.order_recovery), _recovery_bar()],
        ],
    )


def _visitors(results: Overload) -> Iterator[str]:
    goodput = _ratio(results.alone.per_second, results.alone_peak.per_second)
    yield ""
    yield "## Three times the visitors"
    yield ""
    yield "`GET /v1/products/{id}` as often as 32 connections get it, then three times that."
    yield ""
    yield from table(
        ["", "figure", "bar"],
        [
            *_pages(results.alone_peak, results.alone),
            ["goodput, of the most", f"{goodput:.0%}", f">= {GOODPUT_BAR:.0%}"],
            *_answers(results.alone),
        ],
    )


def _visitors_beside_buyers(results: Overload) -> Iterator[str]:
    yield ""
    yield "## Three times the visitors, while people buy"
    yield ""
    yield (
        "The same beside orders at half the rate above. Readers give way: the processors they share with the orders, the edge"
        " and the load generator are what they get less of, so how many pages are left is told without a bar."
    )
    yield ""
    yield from table(
        ["", "figure", "bar"],
        [
            *_pages(results.read_peak, results.reads),
            *_answers(results.reads),
            ["pages served, of those offered", f"{results.reads.share:.0%}", ""],
            [
                "orders accepted, of those offered",
                f"{results.orders_beside.share:.0%}",
                f">= {results.reads.share:.0%}",
            ],
            ["order p50", _ms(results.orders_beside.good, 50), ""],
            ["quick again after", _seconds(results.read_recovery), _recovery_bar()],
        ],
    )


def _pages(peak: Tally, load: Tally) -> list[list[str]]:
    return [
        ["most pages per second", f"{peak.per_second:.0f}", ""],
        ["offered per second", f"{TIMES * peak.per_second:.0f}", ""],
        ["served per second", f"{load.per_second:.0f}", ""],
        ["one processor, used by the load generator at the most", _worked(peak), ""],
        ["and at three times that", _worked(load), ""],
    ]


def _answers(tally: Tally) -> list[list[str]]:
    others = ", ".join(f"{count} x {status or 'none'}" for status, count in tally.others.items())
    return [
        ["wanted answers, p50", _ms(tally.good, 50), ""],
        ["wanted answers, p99", _ms(tally.good, 99), ""],
        ["refusals (503, 429)", str(len(tally.refused)), ""],
        ["refusals, p50", _ms(tally.refused, 50), ""],
        ["refusals, p99", _ms(tally.refused, 99), f"<= {REFUSAL_BAR_MS:.0f} ms"],
        ["refusals without Retry-After", str(tally.without_retry_after), "0"],
        ["other answers", others or "none", ""],
        ["arrivals not sent", str(tally.dropped), "0"],
    ]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _worked(tally: Tally) -> str:
    return f"{_ratio(tally.worked, tally.seconds):.0%}"


def _ms(seconds: list[float], percent: float) -> str:
    return f"{1000 * percentile(seconds, percent):.0f} ms" if seconds else "none"


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


def _recovery_bar() -> str:
    return f"<= {RECOVERY_BAR_SECONDS:.0f} s"
