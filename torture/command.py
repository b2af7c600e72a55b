"""`make torture`: reads what is asked for, runs it with a progress display, prints the verdict and where the logs are."""

import argparse
import asyncio
import contextlib
import secrets
import shutil
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from torture.course import Course
from torture.plan import Extent, Plan, make_plan
from torture.report import figures, save, show
from torture.stack import Site, StackFailed, free_offset
from torture.staff import ShopNotReady

INTERRUPTED: Final = 130
CHECKOUTS, KILLS, CLIENTS = 2_000, 50, 32


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    extent: Extent
    split: bool
    folder: Path


def main(arguments: Sequence[str]) -> int:
    """Torture the shop; 0 when every promise was kept, 1 when one was broken or nothing could be run."""
    options = _options(arguments)
    plan = make_plan(options.extent, split=options.split)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{_spoken(plan)}\nEverything this run leaves is in {options.folder}")
    try:
        return asyncio.run(_torture(options, plan, console))
    except (StackFailed, ShopNotReady) as error:
        console.print(f"[red]Nothing was tortured:[/] {error}")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped before the verdict; nothing is left running.")
        return INTERRUPTED
    finally:
        console.print(f"Seed {plan.extent.seed}; history and logs are in {options.folder}")


async def _torture(options: Options, plan: Plan, console: Console) -> int:
    extent = plan.extent
    site = Site(options.folder, free_offset(), options.split, extent.seed)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("checkouts", total=extent.checkouts)

        def tell(ended: int, what: str) -> None:
            progress.update(task, completed=ended)
            if what:
                progress.console.print(f"  {ended:>5}  {what}")

        course = asyncio.create_task(Course(site, plan, tell).run())
        # SIGTERM stops the run as Ctrl-C does: in order, with nothing left behind.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, course.cancel)
        outcome = await course
    values = figures(plan, outcome)
    save(values, options.folder / "verdict.json")
    show(values, console)
    return 1 if outcome.violations else 0


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="torture", description=main.__doc__)
    parser.add_argument("--checkouts", type=int, default=CHECKOUTS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seed", type=int, help="replays the plan of an earlier run")
    parser.add_argument("--together", action="store_true", help="API and worker in one process")
    parser.add_argument("--folder", type=Path, help="where everything goes; emptied first")
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    extent = Extent(seed, given.checkouts, given.kills, given.clients)
    return Options(extent, not given.together, _folder(given.folder))


def _folder(given: Path | None) -> Path:
    if given is None:
        return Path(tempfile.mkdtemp(prefix="meridian-torture-"))
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(given)
    given.mkdir(parents=True)
    return given.resolve()


def _spoken(plan: Plan) -> str:
    extent = plan.extent
    return (
        f"Seed {extent.seed}: {extent.checkouts} checkouts by {extent.clients} clients, {extent.kills} kills "
        f"and {len(plan.faults) - extent.kills} other faults. The seed replays the plan; processes interleave as they like."
    )
