"""The page's section on many buyers of one SKU."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bench.figures import Spread, percentile, ratios
from bench.hot import CLIENTS, SINGLE, SPREAD, HotRun, wait_ratio
from bench.tables import table, verdict

FASTER_BAR: Final = 3.0
FASTER_BAR_WHEN_BUSY: Final = 1.5
WAIT_BAR_WHEN_BUSY: Final = 0.25

BUSY_PERCENT: Final = 90.0
"""From here on the CPU is the limit, not the wait for the disk that buckets share out."""

_SLOW_PERCENT: Final = 99.0


def hot_section(hot: Mapping[str, Sequence[HotRun]], syncs: Sequence[float]) -> Iterator[str]:
    """Write how much faster one SKU is sold from buckets than from one row; nothing if it was not measured."""
    if not hot:
        return
    single, spread = hot[SINGLE], hot[SPREAD]
    faster = Spread.of(
        ratios([run.per_second for run in spread], [run.per_second for run in single])
    )
    yield "## One hot SKU"
    yield ""
    yield (
        f"{CLIENTS} clients of pgbench hold one piece of the same SKU each, again and again, with fsync on: the statements of"
        " `POST /v1/reservations` (`bench/hold_single.sql`, `bench/hold_spread.sql`), in turns, "
        f"{len(single)} rounds. The wait is how long the statement that takes the piece lasted, a sample of them."
    )
    yield ""
    yield from table(
        ("", "min/s", "median/s", "max/s", "wait p50 ms", "wait p99 ms"),
        [_row(kind, runs) for kind, runs in hot.items()],
    )
    busy = Spread.of([run.busy for run in spread]).middle
    yield (
        f"Buckets are {faster.smallest:.1f} to {faster.largest:.1f} times as fast, median {faster.middle:.1f}; their p99 wait"
        f" is {wait_ratio(single, spread):.3f} of the single row's. With buckets {busy:.0f} % of the processors were in use."
        f" {_judged(faster.middle, wait_ratio(single, spread), busy)} A write of one block and its fdatasync took"
        f" {1000 * percentile(syncs, 50):.2f} ms (p50), {1000 * percentile(syncs, _SLOW_PERCENT):.2f} ms (p99)."
    )
    yield ""


def _judged(faster: float, wait: float, busy: float) -> str:
    if busy < BUSY_PERCENT:
        return f"Bar: >= {FASTER_BAR:g} times as fast, met: {verdict(-faster, -FASTER_BAR)}."
    met = faster >= FASTER_BAR_WHEN_BUSY and wait <= WAIT_BAR_WHEN_BUSY
    return (
        f"The CPU is the limit. Bar then: >= {FASTER_BAR_WHEN_BUSY:g} times as fast and <= {WAIT_BAR_WHEN_BUSY:g} of the"
        f" wait, met: {'yes' if met else '**no**'}."
    )


def _row(kind: str, runs: Sequence[HotRun]) -> tuple[str, ...]:
    rates = Spread.of([run.per_second for run in runs])
    waits = [seconds for run in runs for seconds in run.waits]
    return (
        kind,
        *(f"{rate:.0f}" for rate in (rates.smallest, rates.middle, rates.largest)),
        *(f"{1000 * percentile(waits, percent):.1f}" for percent in (50, _SLOW_PERCENT)),
    )
