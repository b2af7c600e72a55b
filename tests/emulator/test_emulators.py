import asyncio
from collections.abc import Callable, Mapping
from functools import cache

import pytest

from tests.emulator.experiments import ALL, EXPERIMENTS, run_all
from tests.emulator.table import NAMES, PAGE, page, read_table
from tests.emulator.targets import Chosen, running

TARGETS = Chosen().names()
TABLE = read_table()
NOT_PROMISED_BY_AWS = {"a_dropped_long_poll_may_still_be_handed_a_message"}

Outcomes = Mapping[str, str | None]


@pytest.fixture(scope="module")
def outcomes_of() -> Callable[[str], Outcomes]:
    """Run a target's experiments once, all side by side."""

    @cache
    def run(name: str) -> Outcomes:
        known = [experiment for experiment, row in TABLE.items() if name in row.differs]
        with running(name) as target:
            return asyncio.run(run_all(target, known))

    return run


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_does_what_the_table_says(
    outcomes_of: Callable[[str], Outcomes], target: str, experiment: str
) -> None:
    seen = outcomes_of(target)[experiment]
    if target == "aws" and experiment in NOT_PROMISED_BY_AWS:
        pytest.skip(f"either is right on AWS; seen: {seen or 'handed over'}")
    difference = TABLE[experiment].differs.get(target)
    if difference is None:
        assert seen is None, (
            f"{target} differs from AWS and tests/emulator/table.json does not say so"
        )
    else:
        assert seen is not None, (
            f"{target} does what AWS does now: take the difference out of tests/emulator/table.json"
        )


def test_the_table_has_a_row_for_every_experiment_and_differences_for_emulators_only() -> None:
    assert list(TABLE) == list(ALL)
    for row in TABLE.values():
        assert set(row.differs) <= set(NAMES)


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `make emulators`"


def test_aws_is_never_a_target_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("EMULATOR_CONTRACT_TARGET", raising=False)
    assert "aws" not in Chosen().names()
    monkeypatch.setenv("EMULATOR_CONTRACT_TARGET", "aws")
    assert Chosen().names() == ("aws",)
