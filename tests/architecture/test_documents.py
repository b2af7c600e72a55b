"""Documents that must not lie: decisions are complete, links lead somewhere, verbs and codes exist."""

import importlib
import re
from pathlib import Path

import pytest

from libs.errors import DomainError
from libs.topology import SERVICES
from tests.architecture.applications import ROOT

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "services").rglob("README.md"),
        *(
            page
            for page in (ROOT / "deploy").rglob("README.md")
            if "node_modules" not in page.parts
        ),
    ]
)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
VERB = re.compile(r"(?:`|^\$ )make ([a-z-]+)", re.MULTILINE)


@pytest.mark.parametrize("record", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_why_and_what_enforces_it(record: Path) -> None:
    text = record.read_text()
    for heading in (
        "## Context",
        "## Decision",
        "## Consequences",
        "## Alternatives",
        "**Enforced by:**",
    ):
        assert heading in text, f"{record.name} lacks {heading}"


@pytest.mark.parametrize("record", DECISIONS, ids=lambda path: path.stem)
def test_what_enforces_a_decision_is_there(record: Path) -> None:
    _, _, enforcers = record.read_text().partition("**Enforced by:**")
    named = [name.rstrip(".") for name in re.findall(r"\btests/[\w./-]+", enforcers)]
    assert not [name for name in named if not (ROOT / name).exists()]


def test_decisions_are_numbered_without_gap_or_repeat() -> None:
    numbers = [int(record.name[:4]) for record in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_and_verb_on_a_page_exists(page: Path) -> None:
    text = page.read_text()
    broken = [target for target in LINK.findall(text) if not (page.parent / target).exists()]
    assert not broken, f"{page.name} links to {broken}"
    makefile = (ROOT / "Makefile").read_text()
    missing = [verb for verb in VERB.findall(text) if f"\n{verb}:" not in makefile]
    assert not missing, f"{page.name} names verbs the Makefile lacks: {missing}"


def test_error_codes_are_unique_over_all_services() -> None:
    for service in SERVICES:
        importlib.import_module(f"services.{service}.main")
    owners: dict[str, set[str]] = {}
    pending = list(DomainError.__subclasses__())
    while pending:
        error = pending.pop()
        pending.extend(error.__subclasses__())
        if "code" in vars(error) and error.__module__.startswith(("services.", "libs.")):
            owners.setdefault(error.code, set()).add(f"{error.__module__}.{error.__qualname__}")
    twice = {code: names for code, names in owners.items() if len(names) > 1}
    assert not twice, f"one code, several errors: {twice}"
