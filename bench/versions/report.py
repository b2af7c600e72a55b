"""The section of `docs/benchmarks.md` that tells before from after; `make bench` keeps it as it is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from bench.figures import Spread, percentile, ratios
from bench.tables import table
from bench.versions.course import AT_A_TIME, Burst, Comparison

HEADING: Final = "## Before and after"

_FIGURES: Final[Mapping[str, Callable[[Burst], float]]] = {
    "orders placed per second": lambda burst: burst.placed.per_second,
    "orders paid per second": lambda burst: burst.paid_per_second,
    "one request, p50 ms": lambda burst: _wait(burst, 50),
    "one request, p99 ms": lambda burst: _wait(burst, 99),
}


def section_of(page: str) -> str:
    """Return the section as it stands on a page; nothing if it has none."""
    return page[page.index(HEADING) :] if HEADING in page else ""


def with_section(page: str, section: str) -> str:
    """Put the section at the end of a page, in place of an earlier one."""
    before = page.removesuffix(section_of(page)).rstrip("\n")
    return f"{before}\n\n{section}" if section else f"{before}\n"


def markdown(results: Comparison, began: datetime) -> str:
    """Write the section."""
    return "\n".join(_lines(results, began)) + "\n"


def _lines(results: Comparison, began: datetime) -> Iterator[str]:
    yield HEADING
    yield ""
    count = len(results.before[0].placed.order_ids)
    yield (
        f"Written by `make bench-versions old={results.old}` on {began:%Y-%m-%d %H:%M} UTC (load average before:"
        f" {results.load_before:.1f}). Both versions run side by side on one machine and sell in turns:"
        f" {len(results.before)} rounds of {count} orders of one line, {AT_A_TIME} at a time through the gateway."
    )
    yield ""
    heads = ("", results.old, "this tree", "after / before (min, median, max)")
    yield from table(heads, list(_rows(results)))


def _rows(results: Comparison) -> Iterator[tuple[str, ...]]:
    for name, figure in _FIGURES.items():
        before, after = ([figure(one) for one in side] for side in (results.before, results.after))
        spread = Spread.of(ratios(after, before))
        yield (
            name,
            f"{Spread.of(before).middle:.1f}",
            f"{Spread.of(after).middle:.1f}",
            f"{spread.smallest:.2f}, {spread.middle:.2f}, {spread.largest:.2f}",
        )
    refused = (_refused(results.before), _refused(results.after))
    yield ("refused", str(refused[0]), str(refused[1]), "")


def _wait(burst: Burst, percent: float) -> float:
    return 1000 * percentile(burst.placed.latencies, percent)


def _refused(bursts: Sequence[Burst]) -> int:
    return sum(one.placed.refused.total() for one in bursts)
