"""What a planted bug is, and how it gets into a copy of the source tree."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torture.mutants.drills import Drill

_COPIED: Final = ("libs", "services", "simulator", "local", "deploy")
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__")


class MutantOutdated(Exception):
    """The code a mutant changes has moved; the message says where it was."""


@dataclass(frozen=True)
class Edit:
    """Replaces a passage of a file; it must be there exactly once."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Return the text with the passage replaced.

        Raises:
            MutantOutdated: the passage is not there, or more than once.
        """
        found = text.count(self.old)
        if found != 1:
            raise MutantOutdated(
                f"{self.file} has {found} times what the mutant replaces; write it anew:\n{self.old}"
            )
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Mutant:
    """One planted bug.

    Attributes:
        says: the bug in words.
        edits: how it is made.
        drill: the run that brings it to light.
        caught_by: rules of the checker of which at least one must see it.
    """

    name: str
    says: str
    edits: tuple[Edit, ...]
    drill: Drill
    caught_by: frozenset[str]

    def plant(self, root: Path) -> None:
        """Change the tree at `root`, a copy.

        Raises:
            MutantOutdated: the code has moved.
        """
        for edit in self.edits:
            file = root / edit.file
            file.write_text(edit.applied(file.read_text(encoding="utf-8")), encoding="utf-8")


def copy_tree(source: Path, target: Path) -> None:
    """Copy what a stack runs from."""
    for folder in _COPIED:
        shutil.copytree(source / folder, target / folder, ignore=_LEFT_OUT)
