"""The register of OWASP ASVS 5.0.0: reads `docs/security/asvs`, and writes its figures into `docs/security.md`.

`python -m tests.architecture.asvs` writes them anew after the register has changed.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.architecture.applications import ROOT

REGISTER: Final = ROOT / "docs" / "security" / "asvs"
PAGE: Final = ROOT / "docs" / "security.md"
VERDICTS: Final = ("tests", "configuration", "not_applicable", "deployer", "open")
HEADS: Final = ("tests", "configuration", "not applicable", "deployer", "open")


@dataclass(frozen=True)
class Chapter:
    """One file of the register."""

    number: str
    title: str
    path: Path
    requirements: list[dict[str, Any]]

    @property
    def counts(self) -> Counter[str]:
        """How many requirements there are of each verdict."""
        return Counter(verdict_of(one) for one in self.requirements)


def verdict_of(requirement: dict[str, Any]) -> str:
    """Return what is said about a requirement; exactly one thing is."""
    (verdict,) = (name for name in VERDICTS if name in requirement)
    return verdict


def chapters() -> list[Chapter]:
    """Read the register."""
    return [
        Chapter(content["chapter"], content["title"], path, content["requirements"])
        for path in sorted(REGISTER.glob("*.json"))
        for content in [json.loads(path.read_text())]
    ]


def counts_table(register: list[Chapter]) -> str:
    """Count the verdicts by chapter."""
    rows = [f"| chapter | {' | '.join(HEADS)} |", f"|---{'|--:' * len(HEADS)}|"]
    total: Counter[str] = Counter()
    for chapter in register:
        total += chapter.counts
        name = f"[{chapter.number} {chapter.title}](security/asvs/{chapter.path.name})"
        rows.append(_row(name, chapter.counts))
    rows.append(_row("all", total))
    return "\n".join(rows)


def open_list(register: list[Chapter]) -> str:
    """List what is missing, and what would close it."""
    missing = [
        f"* **{one['id']}** {one['open']} To close it: {one['closed_by']}"
        for chapter in register
        for one in chapter.requirements
        if "open" in one
    ]
    return "\n".join(missing) or "nothing."


def with_figures(page: str, register: list[Chapter]) -> str:
    """Put the figures between their marks on the page."""
    for mark, text in (("counts", counts_table(register)), ("open", open_list(register))):
        before, begin, rest = page.partition(f"<!-- {mark} -->")
        _, end, after = rest.partition(f"<!-- /{mark} -->")
        page = f"{before}{begin}\n{text}\n{end}{after}"
    return page


def _row(name: str, counts: Counter[str]) -> str:
    figures = " | ".join(str(counts[verdict] or "") for verdict in VERDICTS)
    return f"| {name} | {figures} |"


if __name__ == "__main__":
    PAGE.write_text(with_figures(PAGE.read_text(), chapters()))
