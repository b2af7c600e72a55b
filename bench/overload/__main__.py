"""`python -m bench.overload`: what `make overload` calls."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from bench.endings import why_undone
from bench.overload.course import Course, Extent, Overload
from bench.overload.report import markdown
from bench.stack import temporary_site
from libs.clock import utc_now
from local.progress import Progress
from local.settings import ROOT

PAGE: Final = ROOT / "docs" / "overload.md"
PORT_OFFSET: Final = 9_000
LONGEST_SECONDS: Final = 900.0

FULL: Final = Extent(peak_seconds=12.0, load_seconds=20.0, baskets=640)
QUICK: Final = Extent(peak_seconds=4.0, load_seconds=8.0, baskets=144)


def main(arguments: Sequence[str]) -> int:
    """Measure on this machine and write the page; return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.overload", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, to try the benchmark")
    parser.add_argument("--output", type=Path, default=PAGE, help="where to write the page")
    parser.add_argument("--port-offset", type=int, default=PORT_OFFSET, help="above the usual")
    options = parser.parse_args(arguments)
    began, progress = utc_now(), Progress()
    extent = QUICK if options.quick else FULL
    results = Overload(load_before=os.getloadavg()[0], seconds=extent.load_seconds)
    measurement = _measure(options.port_offset, extent, progress, results)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        failure = runner.run(why_undone(measurement, LONGEST_SECONDS))
    if failure:
        sys.stderr.write(f"Nothing was written: {failure}\n")
        return 1
    options.output.write_text(markdown(results, began), encoding="utf-8")
    progress.say(f"written to {options.output}")
    return 0


async def _measure(offset: int, extent: Extent, progress: Progress, results: Overload) -> None:
    with temporary_site(offset) as site:
        await Course(site, extent, progress, results).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
