"""Rules about orders: each promise to a client is kept once, and every order comes to an end it may come to."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from torture.checker.edges import CLOSED, EDGES, FIRST, PAID, TERMINAL, UNPAID
from torture.checker.records import Evidence, Operation, Step, Violation

STILL_AT_WORK = frozenset({"idempotency_in_flight", "idempotency_lease_lost"})
"""Refusals that say nothing about the key: the answer is still to come."""

LIVE = frozenset({"pending", "confirmed"})

MOST_SETTLING = timedelta(seconds=120)
ASKED = "requires_action"


def acknowledged_orders_exist(evidence: Evidence) -> Iterator[Violation]:
    """An order a client was told of exists, once."""
    known = Counter(order.id for order in evidence.orders)
    for order_id in sorted(_acknowledged(evidence)):
        if known[order_id] != 1:
            yield Violation(
                "acknowledged_order_lost",
                f"{order_id} was acknowledged to its client and exists {known[order_id]} times.",
            )


def keys_make_one_order(evidence: Evidence) -> Iterator[Violation]:
    """Every answer under one idempotency key names the same order, and a key that succeeded stays so."""
    for (f, key), tries in sorted(_by_key(evidence).items()):
        named = {
            str(t.answer[_MADE[f]]) for t in tries if t.outcome == "ok" and _MADE[f] in t.answer
        }
        if len(named) > 1:
            yield Violation("key_used_twice", f"{f} key {key} made {', '.join(sorted(named))}.")
        yield from _no_refusal_after_success(f, key, tries)


def refused_keys_made_nothing(evidence: Evidence) -> Iterator[Violation]:
    """No order exists that nobody was told of, unless a request for it was never answered."""
    told = _acknowledged(evidence)
    open_carts = {
        (tried.value["cart_id"], tried.value["cart_version"])
        for (f, _), tries in _by_key(evidence).items()
        if f == "place" and _is_unknown(tries)
        for tried in tries
    }
    shoppers = {operation.value.get("user_id") for operation in evidence.history}
    for order in evidence.orders:
        if order.id in told or order.user_id not in shoppers:
            continue
        if (order.cart_id, order.cart_version) not in open_carts:
            yield Violation(
                "order_nobody_asked_for",
                f"{order.id} exists although every request for version {order.cart_version} of "
                f"{order.cart_id} was refused.",
            )


def keys_make_at_most_one(evidence: Evidence) -> Iterator[Violation]:
    """A version of a cart became no more orders than it had keys that were not refused."""
    keys: dict[tuple[str, int], set[str]] = defaultdict(set)
    for (f, key), tries in _by_key(evidence).items():
        if f == "place" and (_is_unknown(tries) or any(t.outcome == "ok" for t in tries)):
            keys[tries[0].value["cart_id"], tries[0].value["cart_version"]].add(key)
    made = Counter((order.cart_id, order.cart_version) for order in evidence.orders)
    for cart, allowed in sorted(keys.items()):
        if made[cart] > len(allowed):
            yield Violation(
                "key_used_twice",
                f"version {cart[1]} of {cart[0]} became {made[cart]} orders under "
                f"{len(allowed)} keys.",
            )


def one_live_order_per_cart(evidence: Evidence) -> Iterator[Violation]:
    """A version of a cart is sold once."""
    by_cart = defaultdict(list)
    for order in evidence.orders:
        if order.order_status in LIVE:
            by_cart[order.cart_id, order.cart_version].append(order.id)
    for (cart_id, version), ids in sorted(by_cart.items()):
        if len(ids) > 1:
            yield Violation(
                "cart_sold_twice",
                f"version {version} of {cart_id} was sold as {', '.join(sorted(ids))}.",
            )


def orders_are_settled(evidence: Evidence) -> Iterator[Violation]:
    """Every order reached an end on which nothing is owed."""
    for order in evidence.orders:
        ends = UNPAID if order.order_status in CLOSED else PAID
        if order.order_status not in TERMINAL or order.payment_status not in ends:
            yield Violation(
                "order_not_settled",
                f"{order.id} stayed {order.order_status} with its payment {order.payment_status}.",
            )
        elif not order.settled:
            yield Violation("order_not_settled", f"{order.id} still waits for an answer.")


def orders_settle_in_time(evidence: Evidence) -> Iterator[Violation]:
    """An order knows its end within 120 s of the last fault, or of its own beginning if that came later.

    While its customer is asked to act the shop is not late; asking and giving up have 120 s each.
    """
    faults = [o.value["at"] for o in evidence.history if o.process == "nemesis"]
    last_fault = max(map(datetime.fromisoformat, faults), default=None)
    since: dict[str, datetime] = {}
    ended: set[str] = set()
    for step in sorted(evidence.steps, key=lambda step: (step.order_id, step.sequence)):
        began = since.setdefault(step.order_id, max(step.at, last_fault or step.at))
        end = step.axis == "order" and step.after in TERMINAL
        if step.order_id in ended or not (end or step.after == ASKED):
            continue
        if step.at - began > MOST_SETTLING:
            seconds = (step.at - began).total_seconds()
            yield Violation(
                "settled_late",
                f"{step.order_id} was {step.after} only {seconds:.0f} s after the last fault.",
            )
        since[step.order_id] = max(began, step.at)
        if end:
            ended.add(step.order_id)


def timelines_are_legal(evidence: Evidence) -> Iterator[Violation]:
    """Steps have no gap, follow from each other, are in the table, and end where the order is."""
    by_order: dict[str, list[Step]] = defaultdict(list)
    for step in evidence.steps:
        by_order[step.order_id].append(step)
    for order in evidence.orders:
        steps = sorted(by_order[order.id], key=lambda step: step.sequence)
        if [step.sequence for step in steps] != list(range(1, order.last_sequence + 1)):
            yield Violation("timeline_gap", f"the timeline of {order.id} has a gap or a repeat.")
        ends = {"order": FIRST, "payment": FIRST, "shipment": FIRST}
        for step in steps:
            yield from _illegal(step, ends)
            ends[step.axis] = step.after
        states = {
            "order": order.order_status,
            "payment": order.payment_status,
            "shipment": order.shipment_status,
        }
        if ends != states:
            yield Violation(
                "timeline_differs", f"{order.id} is {states} and its timeline ends at {ends}."
            )


def confirmed_after_stock_was_sold(evidence: Evidence) -> Iterator[Violation]:
    """An order is confirmed because its pieces were sold, never before; both times are the database's."""
    sold: dict[str, Step] = {}
    committed = {
        message.order_id: message.created_at
        for message in sorted(
            evidence.messages, key=lambda message: message.created_at, reverse=True
        )
        if message.type == "stock.committed.v1"
    }
    for step in evidence.steps:
        if (step.axis, step.before, step.after) == ("order", "pending", "confirmed"):
            sold[step.order_id] = step
    for order_id, step in sorted(sold.items()):
        if order_id not in committed or committed[order_id] > step.at:
            yield Violation(
                "confirmed_before_sold", f"{order_id} was confirmed before its stock was sold."
            )


def _illegal(step: Step, ends: dict[str, str]) -> Iterator[Violation]:
    if step.before is None:
        if step.sequence != 1 or (step.axis, step.after) != ("order", FIRST):
            yield Violation("edge_illegal", f"{step.order_id} starts as {step.after}.")
        return
    if step.before != ends.get(step.axis) or (step.axis, step.before, step.after) not in EDGES:
        yield Violation(
            "edge_illegal",
            f"step {step.sequence} of {step.order_id} takes its {step.axis} from {step.before} to "
            f"{step.after}, which it must not.",
        )


_MADE = {
    "place": "order_id",
    "refund": "refund_id",
    "ship": "shipment_id",
    "return": "return_id",
    "restock": "adjustment_id",
}


def _by_key(evidence: Evidence) -> dict[tuple[str, str], list[Operation]]:
    found: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for operation in evidence.history:
        if operation.f in _MADE and "key" in operation.value:
            found[operation.f, operation.value["key"]].append(operation)
    return found


def _acknowledged(evidence: Evidence) -> set[str]:
    """Name every order a client was told of; a refusal that names the order which has the cart tells of it too."""
    return {
        str(operation.answer["order_id"])
        for operation in evidence.history
        if operation.f == "place" and operation.answer.get("order_id")
    }


def _is_unknown(tries: list[Operation]) -> bool:
    return any(t.outcome == "info" or t.answer.get("code") in STILL_AT_WORK for t in tries)


def _no_refusal_after_success(f: str, key: str, tries: list[Operation]) -> Iterator[Violation]:
    first = min((t.end for t in tries if t.outcome == "ok"), default=None)
    if first is None:
        return
    for later in tries:
        code = later.answer.get("code")
        if later.outcome == "fail" and later.start > first and code in _CONTRADICTIONS:
            yield Violation(
                "key_used_twice", f"{f} key {key} succeeded and a repeat was told {code}."
            )


_CONTRADICTIONS = frozenset(
    {
        "cart_already_ordered", "cart_changed", "cart_empty", "out_of_stock", "total_changed",
        "idempotency_key_reused", "order_not_shippable", "order_not_refundable",
        "order_not_returnable", "refund_too_large",
        "precondition_failed",
    }
)  # fmt: skip
"""What a repeat under the same key can only hear when it was run again."""
