from pathlib import Path

import pytest

from tests.architecture.applications import ROOT
from tests.torture.checker.breakings import BREAKINGS
from torture.mutants.catalogue import MUTANTS
from torture.mutants.mutant import Edit, Mutant, MutantOutdated

NAMES = [mutant.name for mutant in MUTANTS]


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_a_mutant_still_fits_the_code_and_is_python(mutant: Mutant, tmp_path: Path) -> None:
    for edit in mutant.edits:
        target = tmp_path / edit.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((ROOT / edit.file).read_text())
    before = {edit.file: (tmp_path / edit.file).read_text() for edit in mutant.edits}
    mutant.plant(tmp_path)
    for file, text in before.items():
        changed = (tmp_path / file).read_text()
        assert changed != text
        compile(changed, file, "exec")


@pytest.mark.parametrize("text", ["", "same\nsame\n"])
def test_code_that_moved_is_told_loudly(text: str) -> None:
    with pytest.raises(MutantOutdated, match="write it anew"):
        Edit("file.py", "same\n", "other\n").applied(text)


def test_there_are_ten_bugs_at_least_and_no_two_alike() -> None:
    assert len(NAMES) >= 10
    assert len(set(NAMES)) == len(NAMES)
    assert len({mutant.edits for mutant in MUTANTS}) == len(NAMES)


def test_what_shall_catch_a_mutant_are_rules_of_the_checker() -> None:
    known = {rule for rule, _ in BREAKINGS.values()}
    assert {rule for mutant in MUTANTS for rule in mutant.caught_by} <= known


@pytest.mark.parametrize("mutant", MUTANTS, ids=NAMES)
def test_the_drill_of_a_mutant_is_the_same_every_time(mutant: Mutant) -> None:
    assert mutant.drill.plan(3) == mutant.drill.plan(3)
