from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from tests.torture.checker.sound import NOON, changed, operation, placed, sound
from torture.checker.records import (
    Charge,
    Entry,
    Evidence,
    ProviderRefund,
    Received,
    Reserved,
    Stock,
)
from torture.checker.verdict import judge

Breaking = Callable[[Evidence], Evidence]


def rules_broken(evidence: Evidence) -> set[str]:
    return {violation.rule for violation in judge(evidence)}


def test_a_run_in_which_everything_is_right_breaks_no_rule() -> None:
    assert judge(sound()) == []


def test_an_empty_run_breaks_no_rule() -> None:
    assert judge(Evidence()) == []


BREAKINGS: Final[dict[str, tuple[str, Breaking]]] = {
    "an acknowledged order vanished": (
        "acknowledged_order_lost",
        lambda e: replace(e, orders=e.orders[1:]),
    ),
    "an acknowledged order exists twice": (
        "acknowledged_order_lost",
        lambda e: replace(e, orders=[*e.orders, e.orders[0]]),
    ),
    "two answers to one key name two orders": (
        "key_used_twice",
        lambda e: replace(e, history=[*e.history, placed("part", key="key-sold")]),
    ),
    "a key that succeeded is refused later": (
        "key_used_twice",
        lambda e: replace(
            e,
            history=[
                *e.history,
                operation("place", "fail", at=9, answer={"code": "cart_changed"}, key="key-sold"),
            ],
        ),
    ),
    "one refund key made two refunds": (
        "key_used_twice",
        lambda e: replace(
            e,
            history=[
                *e.history,
                operation("refund", answer={"refund_id": "rfd-2"}, key="key-refund"),
            ],
        ),
    ),
    "one delivery's key made two bookings": (
        "key_used_twice",
        lambda e: replace(
            e,
            history=[
                *e.history,
                *(
                    operation(
                        "restock",
                        answer={"adjustment_id": number},
                        key="key-two",
                        sku="CAP",
                        quantity=1,
                    )
                    for number in (1, 2)
                ),
            ],
        ),
    ),
    "a refused cart became an order": (
        "order_nobody_asked_for",
        lambda e: replace(
            e,
            orders=[
                *e.orders,
                replace(e.orders[1], id="ghost", cart_id="crt-refused", cart_version=3),
            ],
        ),
    ),
    "a version of a cart was sold twice": (
        "cart_sold_twice",
        lambda e: replace(e, orders=changed(e.orders, 2, cart_id="crt-sold")),
    ),
    "an order stayed pending": (
        "order_not_settled",
        lambda e: replace(e, orders=changed(e.orders, 0, order_status="pending")),
    ),
    "a confirmed order stayed unpaid": (
        "order_not_settled",
        lambda e: replace(e, orders=changed(e.orders, 0, payment_status="authorized")),
    ),
    "a cancelled order waits for its void": (
        "order_not_settled",
        lambda e: replace(e, orders=changed(e.orders, 1, payment_status="unknown")),
    ),
    "an order still waits for an answer": (
        "order_not_settled",
        lambda e: replace(e, orders=changed(e.orders, 0, settled=False)),
    ),
    "one key of a cart became two orders": (
        "key_used_twice",
        lambda e: replace(
            e,
            orders=[
                *e.orders,
                *(
                    replace(e.orders[1], id=name, cart_id="crt-lost", cart_version=4)
                    for name in ("one", "two")
                ),
            ],
        ),
    ),
    "an order was settled long after the last fault": (
        "settled_late",
        lambda e: replace(e, steps=changed(e.steps, 2, at=NOON + timedelta(minutes=3))),
    ),
    "a timeline has a gap": (
        "timeline_gap",
        lambda e: replace(e, steps=[step for step in e.steps if step.sequence != 2]),
    ),
    "a timeline has a step that is not in the table": (
        "edge_illegal",
        lambda e: replace(e, steps=changed(e.steps, 3, after="declined", before="captured")),
    ),
    "a step does not follow from the one before": (
        "edge_illegal",
        lambda e: replace(e, steps=changed(e.steps, 3, before="unknown", after="authorized")),
    ),
    "an order begins as confirmed": (
        "edge_illegal",
        lambda e: replace(e, steps=changed(e.steps, 0, after="confirmed")),
    ),
    "a timeline ends elsewhere than its order": (
        "timeline_differs",
        lambda e: replace(e, orders=changed(e.orders, 0, shipment_status="shipped")),
    ),
    "an order was confirmed before its stock was sold": (
        "confirmed_before_sold",
        lambda e: replace(
            e,
            messages=[
                replace(one, created_at=NOON + timedelta(minutes=1))
                if one.id == "sold-committed"
                else one
                for one in e.messages
            ],
        ),
    ),
    "an order was confirmed and its stock never sold": (
        "confirmed_before_sold",
        lambda e: replace(e, messages=[m for m in e.messages if m.id != "sold-committed"]),
    ),
    "an order was charged twice": (
        "charged_twice",
        lambda e: replace(
            e, charges=[*e.charges, Charge("ch-9", "sold", "authorized", "USD", 900, 0, 0)]
        ),
    ),
    "a charge has no order": (
        "charge_without_order",
        lambda e: replace(e, charges=changed(e.charges, 1, order_id="nobody")),
    ),
    "a confirmed order was never charged": (
        "sold_unpaid",
        lambda e: replace(e, charges=e.charges[1:]),
    ),
    "another amount than the total was taken": (
        "wrong_amount",
        lambda e: replace(e, charges=changed(e.charges, 0, captured_minor=800)),
    ),
    "more went back than the order knows": (
        "refund_differs",
        lambda e: replace(e, charges=changed(e.charges, 2, refunded_minor=200)),
    ),
    "a closed order still reserves money": (
        "money_still_reserved",
        lambda e: replace(e, charges=changed(e.charges, 1, status="authorized")),
    ),
    "a closed order's payment can still be confirmed at the bank": (
        "money_still_reserved",
        lambda e: replace(e, charges=changed(e.charges, 1, status="requires_action")),
    ),
    "a closed order keeps money": (
        "money_kept",
        lambda e: replace(e, charges=changed(e.charges, 1, status="captured", captured_minor=900)),
    ),
    "a refund was made twice": (
        "refund_count",
        lambda e: replace(e, provider_refunds=e.provider_refunds * 2),
    ),
    "a refund was never made": ("refund_count", lambda e: replace(e, provider_refunds=[])),
    "a refund has another amount": (
        "refund_amount",
        lambda e: replace(e, provider_refunds=changed(e.provider_refunds, 0, amount_minor=1)),
    ),
    "a refund stayed open": (
        "refund_unanswered",
        lambda e: replace(e, refunds=changed(e.refunds, 0, status="requested")),
    ),
    "the provider refunded unasked": (
        "refund_unknown",
        lambda e: replace(
            e, provider_refunds=[*e.provider_refunds, ProviderRefund("re-2", "ch-1", "rfd-9", 5)]
        ),
    ),
    "payment believes something else than the provider": (
        "payment_differs",
        lambda e: replace(e, payments=changed(e.payments, 0, captured_minor=0)),
    ),
    "a ledger transaction does not balance": (
        "ledger_unbalanced",
        lambda e: replace(e, entries=changed(e.entries, 1, amount_minor=899)),
    ),
    "a capture was booked twice": (
        "ledger_differs",
        lambda e: replace(
            e,
            entries=[
                *e.entries,
                Entry("led-x", "sold", "again", "provider_clearing", "debit", 900, "USD"),
                Entry("led-x", "sold", "again", "sales", "credit", 900, "USD"),
            ],
        ),
    ),
    "a capture was not booked": (
        "ledger_differs",
        lambda e: replace(e, entries=e.entries[2:]),
    ),
    "a piece vanished": (
        "stock_not_conserved",
        lambda e: replace(e, stock=changed(e.stock, 0, available=7)),
    ),
    "there are fewer than no pieces": (
        "stock_negative",
        lambda e: replace(e, stock=changed(e.stock, 1, available=-1, sold=2)),
    ),
    "more was received than staff booked in": (
        "stock_differs_from_ledger",
        lambda e: replace(e, stock=changed(e.stock, 0, received=20, available=18)),
    ),
    "more was sold than orders have": (
        "sold_differs",
        lambda e: replace(e, stock=changed(e.stock, 0, available=7, sold=3)),
    ),
    "a return was counted by the reservation alone": (
        "sold_differs",
        lambda e: replace(e, reserved=changed(e.reserved, 0, returned=1)),
    ),
    "orders have more pieces than there ever were": (
        "oversold",
        lambda e: replace(e, lines=changed(e.lines, 2, quantity=2)),
    ),
    "a piece stays held": (
        "stock_held",
        lambda e: replace(e, stock=changed(e.stock, 0, available=7, held=1)),
    ),
    "a closed order keeps its pieces": (
        "stock_kept",
        lambda e: replace(e, reserved=[*e.reserved, Reserved("gone", "committed", "MUG", 1)]),
    ),
    "a piece on the shelf was refused": (
        "undersold",
        lambda e: replace(
            e,
            history=[
                *e.history,
                operation(
                    "place",
                    "fail",
                    answer={"code": "out_of_stock"},
                    sell_out="MUG",
                    quantity=1,
                    available=8,
                ),
            ],
        ),
    ),
    "pieces are left that somebody asked for": (
        "undersold",
        lambda e: replace(e, stock=[e.stock[0], Stock("CUP", 2, 1, 0, 1, 2)]),
    ),
    "a delivery was booked twice": (
        "delivery_miscounted",
        lambda e: replace(e, stock=changed(e.stock, 0, received=20, available=18, adjusted=20)),
    ),
    "a message was never published": (
        "never_published",
        lambda e: replace(e, messages=changed(e.messages, 0, published=False)),
    ),
    "a message never reached a reader": (
        "message_lost",
        lambda e: replace(e, received=e.received[1:]),
    ),
    "a message is parked for ever": (
        "message_not_handled",
        lambda e: replace(e, received=[*e.received, Received("order", "x", "t.v1", "parked")]),
    ),
    "a message lies among the dead letters": (
        "dead_letters",
        lambda e: replace(e, dead_letters={"meridian-order-inbox-dead": 1}),
    ),
    "a message was applied twice": (
        "applied_twice",
        lambda e: replace(e, messages=[*e.messages, replace(e.messages[-1], id="again")]),
    ),
    "an event moved an order twice": (
        "applied_twice",
        lambda e: replace(e, steps=changed(e.steps, 3, cause_event_id="sold-2")),
    ),
    "a change was not told": (
        "told_differs",
        lambda e: replace(e, messages=e.messages[1:]),
    ),
    "something was told that did not happen": (
        "told_differs",
        lambda e: replace(e, messages=[*e.messages, replace(e.messages[0], id="y", order_id="n")]),
    ),
    "a read went back behind a write": (
        "read_went_back",
        lambda e: replace(
            e,
            history=[
                *e.history,
                operation("read", at=9, answer={"order_id": "gone", "version": 1}),
            ],
        ),
    ),
    "one version was shown as two states": (
        "version_differs",
        lambda e: replace(
            e,
            history=[
                *e.history,
                operation(
                    "read", at=9, answer={"order_id": "gone", "version": 3, "status": "pending"}
                ),
            ],
        ),
    ),
    "two changes on condition of one version took effect": (
        "lost_update",
        lambda e: replace(
            e,
            history=[
                *e.history,
                operation("ship", order_id="part", key="key-other", tag='"5"'),
            ],
        ),
    ),
    "the shop was not quiet in time": (
        "not_quiet_in_time",
        lambda e: replace(e, unquiet=["3 orders wait for an answer"]),
    ),
}


@pytest.mark.parametrize("breaking", BREAKINGS)
def test_the_checker_sees_that(breaking: str) -> None:
    rule, spoil = BREAKINGS[breaking]
    assert rule in rules_broken(spoil(sound()))


def test_an_order_may_take_as_long_as_the_faults_do() -> None:
    run = sound()
    late = changed(run.steps, 2, at=NOON + timedelta(minutes=3))
    fault = operation("kill", "info", process="nemesis", at=1.0)
    fault = replace(fault, value={"at": (NOON + timedelta(minutes=2)).isoformat()})
    assert judge(replace(run, steps=late, history=[*run.history, fault])) == []


def test_a_request_that_was_never_answered_may_have_made_an_order() -> None:
    run = sound()
    order = replace(run.orders[1], id="lost", cart_id="crt-lost", cart_version=4)
    steps = [replace(step, order_id="lost") for step in run.steps if step.order_id == "gone"]
    told = [
        replace(message, id=f"lost-{message.type}", order_id="lost", readers=())
        for message in run.messages
        if message.order_id == "gone"
    ]
    whole = replace(
        run,
        orders=[*run.orders, order],
        steps=[*run.steps, *(replace(step, cause_event_id=None) for step in steps)],
        messages=[*run.messages, *told],
    )
    assert judge(whole) == []


def test_every_violation_is_one_sentence() -> None:
    for _, spoil in BREAKINGS.values():
        for violation in judge(spoil(sound())):
            assert "\n" not in violation.sentence
            assert violation.sentence
