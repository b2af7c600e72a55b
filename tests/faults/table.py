"""The table of faults, and the page people read: `python -m tests.faults.table` writes it."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from libs.testing.fault_proxy.fault import Fault
from tests.architecture.applications import ROOT

TABLE: Final = Path(__file__).with_name("matrix.json")
PAGE: Final = ROOT / "docs" / "faults.md"
WORKS: Final = ("2xx",)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedFault(_Row):
    """One column."""

    says: str
    fault: Fault


class Dependency(_Row):
    """One row of cells: what each operation may be answered with while it is broken."""

    says: str
    expect: dict[str, list[str]]
    unless: dict[str, dict[str, list[str]]] = {}

    def answers(self, operation: str, fault: str) -> Sequence[str]:
        """Return the answers allowed: `2xx`, a status, or a status and a problem's code."""
        usual = self.expect.get(operation, WORKS)
        return self.unless.get(fault, {}).get(operation, usual)


class Matrix(_Row):
    """The whole table."""

    comment: Annotated[str, Field(alias="$comment")]
    faults: dict[str, NamedFault]
    operations: dict[str, str]
    dependencies: dict[str, Dependency]

    def cells(self) -> list[tuple[str, str]]:
        """List every dependency with every fault."""
        return list(product(self.dependencies, self.faults))

    def sample(self) -> list[tuple[str, str]]:
        """Choose one cell of each dependency, the faults in turn, so that each occurs."""
        faults = list(self.faults)
        return [(one, faults[n % len(faults)]) for n, one in enumerate(self.dependencies)]


def load_matrix() -> Matrix:
    """Read the table."""
    return Matrix.model_validate_json(TABLE.read_bytes())


def page(matrix: Matrix) -> str:
    """Write the page."""
    lines = [
        "# What still works when something is broken",
        "",
        "Written by `python -m tests.faults.table` from `tests/faults/matrix.json`. Each cell is tested on the real processes"
        " through a TCP proxy: `make test` tries one fault of each dependency, `make test scale=full` all"
        f" {len(matrix.cells())} cells. Every answer comes within the caller's deadline (3 s unless `Request-Timeout` says"
        " otherwise) and every refusal says when to come back (`Retry-After`). After each fault the same order is sent again"
        " under its key, is accepted once, and is paid.",
        "",
        "| fault | means |",
        "|---|---|",
        *(f"| {name} | {fault.says} |" for name, fault in matrix.faults.items()),
        "",
        "`ok` is the usual answer.",
    ]
    for name, dependency in matrix.dependencies.items():
        lines += ["", f"## {name}", "", dependency.says, "", *_rows(matrix, dependency)]
    return "\n".join(lines) + "\n"


def _rows(matrix: Matrix, dependency: Dependency) -> list[str]:
    heads = ["operation", *matrix.faults]
    rows = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for operation, path in matrix.operations.items():
        cells = [_words(dependency.answers(operation, fault)) for fault in matrix.faults]
        rows.append(f"| `{path}` | {' | '.join(cells)} |")
    return rows


def _words(answers: Sequence[str]) -> str:
    return " or ".join("ok" if answer in {"2xx", "200"} else answer for answer in answers)


def allows(answers: Mapping[str, Sequence[str]], operation: str, status: int, code: str) -> bool:
    """Tell whether the table allows this answer to an operation."""
    seen = {f"{status // 100}xx", str(status), f"{status} {code}"}
    return bool(seen & set(answers[operation]))


if __name__ == "__main__":
    PAGE.write_text(page(load_matrix()), encoding="utf-8")
