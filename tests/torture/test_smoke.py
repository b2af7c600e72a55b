"""A small torture of a real stack; `make torture` is the large one."""

from pathlib import Path

import pytest

from torture.course import Course
from torture.plan import Extent, make_plan
from torture.report import figures
from torture.stack import Site, free_offset

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

SMOKE = Extent(seed=1906, checkouts=200, kills=5, clients=12)


async def test_a_shop_that_is_killed_five_times_keeps_every_promise(tmp_path: Path) -> None:
    plan = make_plan(SMOKE, split=False)
    site = Site(tmp_path, free_offset(), split=False, seed=SMOKE.seed)
    told: list[str] = []
    outcome = await Course(site, plan, lambda ended, what: told.append(f"{ended} {what}")).run()
    values = figures(plan, outcome)
    print(values)  # noqa: T201 - the seed and the figures, for whoever has to look into a failure
    assert not outcome.violations, [one.sentence for one in outcome.violations]
    assert values["checkouts"] == SMOKE.checkouts
    assert outcome.faults["kill"] >= SMOKE.kills
    assert values["orders"] > SMOKE.checkouts / 2
