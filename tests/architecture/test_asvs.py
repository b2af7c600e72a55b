"""The register of OWASP ASVS 5.0.0 is whole, and what it names is there."""

import ast
import re
from collections import Counter
from functools import cache
from typing import Any

import pytest

from tests.architecture.applications import ROOT
from tests.architecture.asvs import PAGE, VERDICTS, Chapter, chapters, verdict_of, with_figures

LAST: dict[str, tuple[int, ...]] = {
    "V1": (2, 10, 12, 3, 3),
    "V2": (3, 3, 5, 2),
    "V3": (1, 3, 5, 8, 8, 1, 5),
    "V4": (5, 5, 2, 4),
    "V5": (1, 6, 3, 3),
    "V6": (3, 12, 8, 6, 8, 4, 2, 4),
    "V7": (3, 4, 2, 5, 3, 2),
    "V8": (4, 4, 3, 2),
    "V9": (3, 4),
    "V10": (2, 3, 5, 16, 5, 2, 3),
    "V11": (4, 5, 5, 4, 2, 2, 2),
    "V12": (5, 2, 5),
    "V13": (4, 6, 4, 7),
    "V14": (2, 8, 3),
    "V15": (5, 5, 7, 4),
    "V16": (1, 5, 4, 3, 4),
    "V17": (2, 8, 2),
}
"""How many requirements each section of the standard has, of all three levels."""
LEVEL_3 = [
    "1.2.10",
    "1.3.12",
    "1.5.3",
    "2.3.5",
    "2.4.2",
    "3.1.1",
    "3.2.3",
    "3.3.5",
    "3.4.7",
    "3.4.8",
    "3.5.6",
    "3.5.7",
    "3.5.8",
    "3.6.1",
    "3.7.3",
    "3.7.4",
    "3.7.5",
    "4.1.4",
    "4.1.5",
    "4.2.2",
    "4.2.3",
    "4.2.4",
    "4.2.5",
    "5.2.4",
    "5.2.5",
    "5.2.6",
    "5.3.3",
    "6.3.5",
    "6.3.6",
    "6.3.7",
    "6.3.8",
    "6.4.5",
    "6.4.6",
    "6.5.6",
    "6.5.7",
    "6.5.8",
    "6.6.4",
    "6.7.1",
    "6.7.2",
    "7.5.3",
    "8.1.3",
    "8.1.4",
    "8.2.4",
    "8.3.2",
    "8.3.3",
    "8.4.2",
    "10.2.3",
    "10.3.5",
    "10.4.12",
    "10.4.13",
    "10.4.14",
    "10.4.15",
    "10.4.16",
    "11.1.3",
    "11.1.4",
    "11.2.4",
    "11.2.5",
    "11.3.4",
    "11.3.5",
    "11.5.2",
    "11.6.2",
    "11.7.1",
    "11.7.2",
    "12.1.4",
    "12.1.5",
    "12.3.5",
    "13.1.2",
    "13.1.3",
    "13.1.4",
    "13.2.6",
    "13.3.3",
    "13.3.4",
    "13.4.6",
    "13.4.7",
    "14.2.5",
    "14.2.6",
    "14.2.7",
    "14.2.8",
    "15.1.4",
    "15.1.5",
    "15.2.4",
    "15.2.5",
    "15.4.1",
    "15.4.2",
    "15.4.3",
    "15.4.4",
    "16.5.4",
    "17.1.2",
    "17.2.5",
    "17.2.6",
    "17.2.7",
    "17.2.8",
]
LEVELS = {1: 70, 2: 183}
MOST_OPEN = 0
"""May only fall: whoever closes one lowers it."""
LEAST_BY_TESTS = 0.6
LONGEST_SUBJECT = 10
SENTENCE = re.compile(r"[A-Z].{14,}\.", re.DOTALL)

REGISTER = chapters()
REQUIREMENTS = [one for chapter in REGISTER for one in chapter.requirements]


@cache
def functions_of(path: str) -> set[str]:
    """List the tests of a file without running it."""
    file = ROOT / path
    if not file.is_file():
        return set()
    tree = ast.parse(file.read_text())
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def by_id(one: dict[str, Any]) -> str:
    return str(one["id"])


def test_every_requirement_of_levels_1_and_2_is_listed_once() -> None:
    standard = {
        f"{chapter.removeprefix('V')}.{section}.{number}"
        for chapter, sections in LAST.items()
        for section, last in enumerate(sections, 1)
        for number in range(1, last + 1)
    }
    assert standard.issuperset(LEVEL_3)
    listed = Counter(one["id"] for one in REQUIREMENTS)
    assert set(listed) == standard - set(LEVEL_3)
    assert max(listed.values()) == 1
    assert Counter(one["level"] for one in REQUIREMENTS) == LEVELS


@pytest.mark.parametrize("chapter", REGISTER, ids=lambda chapter: chapter.number)
def test_a_requirement_is_in_its_chapter_and_has_one_answer(chapter: Chapter) -> None:
    for one in chapter.requirements:
        assert one["id"].startswith(f"{chapter.number.removeprefix('V')}.")
        assert one.keys() <= {"id", "level", "subject", "note", "closed_by", *VERDICTS}
        assert one[verdict_of(one)], one["id"]
        assert 1 <= len(one["subject"].split()) <= LONGEST_SUBJECT


@pytest.mark.parametrize("one", [one for one in REQUIREMENTS if "tests" in one], ids=by_id)
def test_tests_that_prove_a_requirement_exist(one: dict[str, Any]) -> None:
    for cited in one["tests"]:
        path, _, name = cited.partition("::")
        assert name.startswith("test_")
        assert name in functions_of(path), f"{cited} is gone: name what proves {one['id']} now"


@pytest.mark.parametrize("one", [one for one in REQUIREMENTS if "configuration" in one], ids=by_id)
def test_configuration_that_proves_a_requirement_exists(one: dict[str, Any]) -> None:
    for cited in one["configuration"]:
        file = ROOT / cited["file"]
        assert file.is_file(), f"{cited['file']} is gone: name what proves {one['id']} now"
        assert cited["contains"].strip()
        assert cited["contains"] in file.read_text(), f"{one['id']}: {cited}"


def test_whoever_reads_a_reason_reads_a_sentence() -> None:
    said = [
        (one["id"], one[name])
        for one in REQUIREMENTS
        for name in ("not_applicable", "deployer", "open", "closed_by", "note")
        if name in one
    ]
    assert said
    assert not [where for where, text in said if not SENTENCE.fullmatch(text)]
    assert all(("open" in one) == ("closed_by" in one) for one in REQUIREMENTS)


def test_open_requirements_become_fewer_only() -> None:
    still_open = [one["id"] for one in REQUIREMENTS if "open" in one]
    assert len(still_open) == MOST_OPEN, f"lower MOST_OPEN, or close one of {still_open}"


def test_most_of_what_concerns_us_is_proven_by_tests() -> None:
    concerning = [one for one in REQUIREMENTS if "not_applicable" not in one]
    by_tests = [one for one in concerning if "tests" in one]
    assert len(by_tests) >= LEAST_BY_TESTS * len(concerning)


def test_the_page_has_the_registers_figures() -> None:
    page = PAGE.read_text()
    current = with_figures(page, REGISTER)
    assert page == current, "run `python -m tests.architecture.asvs`"
