"""Runs the measurements one after the other, prints a line per step, and writes the page."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.course import Course, Extent
from bench.endings import why_undone
from bench.report import Results, markdown
from bench.stack import temporary_site
from bench.versions.report import section_of, with_section
from libs.clock import utc_now
from local.progress import Progress
from local.settings import ROOT

PAGE: Final = ROOT / "docs" / "benchmarks.md"
PORT_OFFSET: Final = 18_000
"""Beside a developer's own stack and below the ports the system gives to clients."""

LONGEST_SECONDS: Final = 900.0

FULL: Final = Extent(
    read_rounds=5,
    read_seconds=2.0,
    customers=80,
    order_rounds=3,
    yardstick_seconds=4,
    hot_rounds=5,
    idle_seconds=20.0,
    backlog=5_000,
)
QUICK: Final = Extent(
    read_rounds=2,
    read_seconds=1.0,
    customers=16,
    order_rounds=2,
    yardstick_seconds=2,
    hot_rounds=1,
    idle_seconds=5.0,
    backlog=1_000,
)


@dataclass(frozen=True)
class _Options:
    quick: bool
    output: Path
    port_offset: int


def main(arguments: Sequence[str]) -> int:
    """Measure on this machine and write the page; return the exit status."""
    options = _options(arguments)
    progress = Progress()
    results = Results(
        command="make bench" if not arguments else f"python -m bench {' '.join(arguments)}",
        began=utc_now(),
        busy=os.getloadavg()[0],
    )
    failure = asyncio.run(why_undone(_measure(options, progress, results), LONGEST_SECONDS))
    if failure:
        sys.stderr.write(f"Nothing was written: {failure}\n")
        return 1
    options.output.write_text(_page(options.output, markdown(results)), encoding="utf-8")
    progress.say(f"written to {options.output}")
    return 0


def _page(output: Path, page: str) -> str:
    """Keep the section that another command wrote."""
    kept = section_of(output.read_text(encoding="utf-8")) if output.exists() else ""
    return with_section(page, kept)


async def _measure(options: _Options, progress: Progress, results: Results) -> None:
    with temporary_site(options.port_offset) as site:
        await Course(site, QUICK if options.quick else FULL, progress, results).run()


def _options(arguments: Sequence[str]) -> _Options:
    parser = argparse.ArgumentParser(prog="bench", description=main.__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="short runs, to try the benchmark itself"
    )
    parser.add_argument("--output", type=Path, default=PAGE, help="where to write the page")
    parser.add_argument(
        "--port-offset", type=int, default=PORT_OFFSET, help="above the usual ports"
    )
    found = parser.parse_args(arguments)
    return _Options(found.quick, found.output, found.port_offset)
