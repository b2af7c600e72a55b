"""`python -m bench.versions`: what `make bench-versions` calls."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.command import PAGE, PORT_OFFSET
from bench.endings import why_undone
from bench.stack import temporary_site
from bench.versions.course import Comparison, compare
from bench.versions.report import markdown, with_section
from bench.versions.tree import CommitMissing, unpack
from libs.clock import utc_now
from local.progress import Progress

LONGEST_SECONDS: Final = 600.0
_BESIDE: Final = 400


def main(arguments: Sequence[str]) -> int:
    """Measure both versions on this machine and write the section; return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.versions", description=main.__doc__)
    parser.add_argument("--old", required=True, help="a commit or tag, such as v0.1.0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--customers", type=int, default=80, help="orders per round")
    parser.add_argument("--output", type=Path, default=PAGE, help="the page with the section")
    options = parser.parse_args(arguments)
    began, progress = utc_now(), Progress()
    results = Comparison(options.old, os.getloadavg()[0])
    with TemporaryDirectory(prefix="meridian-version-") as folder:
        try:
            unpack(options.old, Path(folder))
        except CommitMissing as missing:
            failure = str(missing)
        else:
            measurement = _measure(Path(folder), options, progress, results)
            failure = asyncio.run(why_undone(measurement, LONGEST_SECONDS))
    if failure:
        sys.stderr.write(f"Nothing was written: {failure}\n")
        return 1
    page = options.output.read_text(encoding="utf-8")
    options.output.write_text(with_section(page, markdown(results, began)), encoding="utf-8")
    progress.say(f"written to {options.output}")
    return 0


async def _measure(
    tree: Path, options: argparse.Namespace, progress: Progress, results: Comparison
) -> None:
    with temporary_site(PORT_OFFSET) as new, temporary_site(PORT_OFFSET + _BESIDE) as other:
        await compare(
            replace(other, root=tree),
            new,
            customers=options.customers,
            rounds=options.rounds,
            progress=progress,
            results=results,
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
