"""Reads the clients' history: JSON lines, one per invocation and one per completion, as Jepsen writes them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torture.checker.records import Operation, Outcome

_NANOSECONDS = 1e-9


def read_history(file: Path) -> list[Operation]:
    """Pair invocations with completions; one that never completed is unknown until the end of time."""
    with file.open(encoding="utf-8") as lines:
        return paired(json.loads(line) for line in lines)


def paired(entries: Iterable[dict[str, Any]]) -> list[Operation]:
    """Make operations of entries, sorted by their start.

    Raises:
        ValueError: a completion without its invocation; the file is not a history.
    """
    open_: dict[int, dict[str, Any]] = {}
    done: list[Operation] = []
    for entry in entries:
        if entry["type"] == "invoke":
            open_[entry["index"]] = entry
            continue
        invoked = open_.pop(entry["of"], None)
        if invoked is None:
            raise ValueError(f"entry {entry['index']} completes nothing")
        done.append(_operation(invoked, entry["type"], entry["value"], entry["time"]))
    done += [_operation(entry, "info", {}, None) for entry in open_.values()]
    return sorted(done, key=lambda operation: operation.start)


def _operation(
    invoked: dict[str, Any], outcome: Outcome, answer: dict[str, Any], end: int | None
) -> Operation:
    return Operation(
        process=invoked["process"],
        f=invoked["f"],
        value=invoked["value"],
        outcome=outcome,
        answer=answer,
        start=invoked["time"] * _NANOSECONDS,
        end=float("inf") if end is None else end * _NANOSECONDS,
    )
