"""`python -m bench.versions`: what `make bench-versions` calls."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.command import FAILURES, PAGE, PORT_OFFSET, leaves
from bench.stack import StackFailed, temporary_site
from bench.versions.course import Comparison, compare, unpacked
from bench.versions.report import markdown, with_section
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
    try:
        with unpacked(options.old) as tree:
            failure = asyncio.run(_measured(tree, options, progress, results))
    except StackFailed as missing:
        failure = str(missing)
    if failure:
        sys.stderr.write(f"Nothing was written: {failure}\n")
        return 1
    page = options.output.read_text(encoding="utf-8")
    options.output.write_text(with_section(page, markdown(results, began)), encoding="utf-8")
    progress.say(f"written to {options.output}")
    return 0


async def _measured(
    tree: Path, options: argparse.Namespace, progress: Progress, results: Comparison
) -> str:
    this = asyncio.current_task()
    if this is not None:  # `kill` must stop the stacks as Ctrl-C does
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    failure = ""
    try:
        with temporary_site(PORT_OFFSET) as new, temporary_site(PORT_OFFSET + _BESIDE) as other:
            old = replace(other, root=tree)
            async with asyncio.timeout(LONGEST_SECONDS):
                await compare(
                    old,
                    new,
                    customers=options.customers,
                    rounds=options.rounds,
                    progress=progress,
                    results=results,
                )
    except* (asyncio.CancelledError, TimeoutError):
        failure = "it was stopped, or took too long"
    except* FAILURES as failures:
        failure = "; ".join(f"{type(one).__name__}: {one}" for one in leaves(failures))
    return failure


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
