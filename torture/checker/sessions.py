"""Rules about what clients saw: reads never go back, and everybody sees at least what was acknowledged before.

An order is a register whose version only grows, so linearizability per order comes down to this: of two operations
that do not overlap, the later one sees a version at least as high.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from torture.checker.records import Evidence, Operation, Violation

_SEEN = ("status", "payment_status", "shipment_status")


def versions_only_grow(evidence: Evidence) -> Iterator[Violation]:
    """Read-your-writes, monotonic reads and more: no operation sees less than one that ended before it began."""
    for order_id, seen in sorted(_sightings(evidence).items()):
        ended = sorted(seen, key=lambda operation: operation.end)
        newest, at = 0, 0
        for operation in sorted(seen, key=lambda operation: operation.start):
            while at < len(ended) and ended[at].end < operation.start:
                newest = max(newest, _version(ended[at]))
                at += 1
            if _version(operation) < newest:
                yield Violation(
                    "read_went_back",
                    f"{operation.process} saw version {_version(operation)} of {order_id} after "
                    f"version {newest} had been shown.",
                )


def one_version_is_one_state(evidence: Evidence) -> Iterator[Violation]:
    """Two reads of the same version of an order show the same states."""
    for order_id, seen in sorted(_sightings(evidence).items()):
        shown: dict[int, dict[str, Any]] = {}
        for operation in seen:
            if operation.f != "read":
                continue
            state = {name: operation.answer.get(name) for name in _SEEN}
            first = shown.setdefault(_version(operation), state)
            if first != state:
                yield Violation(
                    "version_differs",
                    f"version {_version(operation)} of {order_id} was shown as {first} and as {state}.",
                )


def no_update_was_lost(evidence: Evidence) -> Iterator[Violation]:
    """Of several changes that were made on condition of the same version, one took effect."""
    done = defaultdict(set)
    for operation in evidence.history:
        tag, order_id = operation.value.get("tag"), operation.value.get("order_id")
        if tag and order_id and operation.outcome == "ok":
            done[order_id, tag].add(operation.value["key"])
    for (order_id, tag), keys in sorted(done.items()):
        if len(keys) > 1:
            yield Violation(
                "lost_update",
                f"{len(keys)} changes of {order_id} on condition of version {tag} took effect: "
                f"keys {', '.join(sorted(keys))}.",
            )


def _sightings(evidence: Evidence) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = defaultdict(list)
    for operation in evidence.history:
        answer = operation.answer
        if operation.outcome != "ok" or not answer.get("order_id") or not answer.get("version"):
            continue
        if not answer.get("replayed"):  # a stored answer is as old as the first one
            found[str(answer["order_id"])].append(operation)
    return found


def _version(operation: Operation) -> int:
    return int(operation.answer["version"])
