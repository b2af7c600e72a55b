"""Runs in which one thing is wrong, and the rule that one thing breaks."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from tests.torture.checker.breakings_of_money import MONEY_AND_STOCK, Breaking
from tests.torture.checker.sound import NOON, changed, operation, placed
from torture.checker.records import (
    Received,
    Stock,
)

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
    **MONEY_AND_STOCK,
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
