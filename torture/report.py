"""The summary of a run: a table for people, JSON for machines, and one sentence per broken promise."""

import json
import statistics
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from torture.checker.records import Operation
from torture.course import Outcome
from torture.plan import Plan

_MOST_SHOWN: Final = 40
_PERCENT: Final = 100


def figures(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """Compute what is worth telling of a run; seconds and counts."""
    evidence = outcome.evidence
    placed = [one for one in evidence.history if one.f == "place" and one.outcome == "ok"]
    states: dict[str, int] = {}
    for order in evidence.orders:
        states[order.order_status] = states.get(order.order_status, 0) + 1
    return {
        "verdict": "violated" if outcome.violations else "right",
        "seed": plan.extent.seed,
        "checkouts": outcome.became.total(),
        "orders": len(evidence.orders),
        "order_states": dict(sorted(states.items())),
        "faults": dict(sorted(outcome.faults.items())),
        "faults_missed": outcome.missed,
        "requests": len(evidence.history),
        "requests_unknown": sum(one.outcome == "info" for one in evidence.history),
        "selling_seconds": round(outcome.selling_seconds, 1),
        "orders_per_second": round(len(evidence.orders) / max(outcome.selling_seconds, 0.001), 1),
        "place_p50_seconds": round(_percentile(placed, 50), 3),
        "place_p99_seconds": round(_percentile(placed, 99), 3),
        "longest_gap_seconds": round(_longest_gap(placed), 1),
        "quiet_after_seconds": round(outcome.quiet_seconds, 1),
        "became": dict(outcome.became.most_common()),
        "violations": [asdict(violation) for violation in outcome.violations],
    }


def save(values: dict[str, Any], file: Path) -> None:
    """Write the figures down."""
    file.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def show(values: dict[str, Any], console: Console) -> None:
    """Print the table, then the violations."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in values.items():
        if name != "violations":
            table.add_row(name.replace("_", " "), _readable(value))
    console.print(table)
    violations = values["violations"]
    for violation in violations[:_MOST_SHOWN]:
        console.print(f"[red]{violation['rule']}[/]: {violation['sentence']}")
    if len(violations) > _MOST_SHOWN:
        console.print(f"... and {len(violations) - _MOST_SHOWN} more violations, in the JSON file.")


def _readable(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
    return str(value)


def _percentile(placed: list[Operation], percent: int) -> float:
    seconds = sorted(one.end - one.start for one in placed)
    if len(seconds) < 2:  # noqa: PLR2004 - quantiles need two
        return sum(seconds)
    return statistics.quantiles(seconds, n=_PERCENT, method="inclusive")[percent - 1]


def _longest_gap(placed: list[Operation]) -> float:
    """Return the longest time in which no order was accepted: how long a customer may have had to wait."""
    ends = sorted(one.end for one in placed if "sell_out" not in one.value)
    return max((later - earlier for earlier, later in pairwise(ends)), default=0.0)
