"""`make torture-mutants`: the drills on the code as it is, which must be clean, then each planted bug, which must be seen."""

import argparse
import asyncio
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from local.settings import ROOT
from torture.checker.records import Violation
from torture.course import Course
from torture.mutants.catalogue import MUTANTS
from torture.mutants.drills import Drill
from torture.mutants.mutant import Mutant, copy_tree
from torture.stack import Site, StackFailed, free_offset
from torture.staff import ShopNotReady

INTERRUPTED: Final = 130
SEED: Final = 1
TRIES: Final = 2
"""A bug that needs a certain interleaving gets a second chance to show; clean code is tried as often as there are drills."""


@dataclass
class _Result:
    """What one run said; `problem` is set when there was nothing to judge."""

    name: str
    right: bool
    said: str
    violations: list[Violation] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """Run the mutants; 0 when every bug is seen and the code as it is breaks no promise."""
    parser = argparse.ArgumentParser(prog="torture mutants", description=main.__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="one mutant; repeatable")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    chosen = [one for one in MUTANTS if not options.only or one.name in options.only]
    console = Console(soft_wrap=True, highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="meridian-mutants-"))
    console.print(f"Seed {options.seed}; everything these runs leave is in {folder}")
    try:
        results = asyncio.run(_Bench(folder, options.seed, console).run(chosen))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print(f"Stopped; nothing is left running. Logs are in {folder}")
        return INTERRUPTED
    _show(results, console)
    return 0 if all(result.right for result in results) else 1


@dataclass(frozen=True)
class _Bench:
    folder: Path
    seed: int
    console: Console

    async def run(self, mutants: Sequence[Mutant]) -> list[_Result]:
        if task := asyncio.current_task():
            # SIGTERM stops the run as Ctrl-C does: in order, with nothing left behind.
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        drills = {mutant.drill.name: mutant.drill for mutant in mutants}
        results = [self._told(await self._clean(drill)) for drill in drills.values()]
        return results + [self._told(await self._mutant(mutant)) for mutant in mutants]

    async def _clean(self, drill: Drill) -> _Result:
        name = f"as it is: {drill.name}"
        try:
            violations = await self._violations(drill, ROOT, name)
        except (StackFailed, ShopNotReady) as error:
            return _Result(name, right=False, said=str(error))
        said = violations[0].sentence if violations else "nothing broken"
        return _Result(name, not violations, said, violations)

    async def _mutant(self, mutant: Mutant) -> _Result:
        root = self.folder / mutant.name / "tree"
        copy_tree(ROOT, root)
        mutant.plant(root)
        said = ""
        for attempt in range(TRIES):
            try:
                found = await self._violations(mutant.drill, root, f"{mutant.name}/{attempt}")
            except (StackFailed, ShopNotReady) as error:
                said = str(error)
                continue
            seen = [one for one in found if one.rule in mutant.caught_by]
            if seen:
                said = f"{seen[0].rule} ({len(seen)}): {seen[0].sentence}"
                return _Result(mutant.name, right=True, said=said, violations=found)
            others = ", ".join(sorted({one.rule for one in found})) or "nothing"
            said = f"not seen; the checker saw {others}"
        return _Result(mutant.name, right=False, said=said)

    async def _violations(self, drill: Drill, root: Path, name: str) -> list[Violation]:
        folder = self.folder / name.replace(" ", "-")
        folder.mkdir(parents=True)
        site = Site(
            folder,
            free_offset(),
            split=False,
            seed=self.seed,
            root=root,
            duplicates=drill.duplicates,
            settings_of_services=drill.settings,
        )
        course = Course(
            site, drill.plan(self.seed), lambda _, __: None, quiet_seconds=drill.quiet_seconds
        )
        return (await course.run()).violations

    def _told(self, result: _Result) -> _Result:
        mark = "[green]as it should be[/]" if result.right else "[red]wrong[/]"
        self.console.print(f"{result.name}: {mark}: {result.said}")
        return result


def _show(results: Sequence[_Result], console: Console) -> None:
    table = Table("run", "as it should be", "what the checker said", box=None, pad_edge=False)
    for result in results:
        table.add_row(result.name, "yes" if result.right else "NO", result.said)
    console.print(table)
    right = sum(result.right for result in results)
    console.print(f"{right} of {len(results)} runs ended as they should.")
