import json
from io import StringIO
from pathlib import Path

from rich.console import Console

from tests.torture.checker.sound import sound
from torture.checker.records import Violation
from torture.course import Outcome
from torture.plan import Extent, make_plan
from torture.report import figures, save, show

PLAN = make_plan(Extent(seed=7, checkouts=3, kills=0, clients=1), split=False)


def test_the_figures_tell_the_verdict_and_the_seed(tmp_path: Path) -> None:
    right = figures(PLAN, Outcome(evidence=sound(), selling_seconds=2.0))
    wrong = figures(PLAN, Outcome(violations=[Violation("cart_sold_twice", "crt was sold twice.")]))
    assert (right["verdict"], right["seed"], right["orders_per_second"]) == ("right", 7, 1.5)
    assert right["place_p99_seconds"] == 1.0
    assert wrong["verdict"] == "violated"
    save(wrong, tmp_path / "verdict.json")
    kept = json.loads((tmp_path / "verdict.json").read_text())
    assert kept["violations"] == [{"rule": "cart_sold_twice", "sentence": "crt was sold twice."}]


def test_every_violation_is_shown() -> None:
    console = Console(record=True, width=200, file=StringIO())
    show(figures(PLAN, Outcome(violations=[Violation("oversold", "MUG: too many.")])), console)
    said = console.export_text()
    assert "oversold: MUG: too many." in said
    assert "seed" in said
