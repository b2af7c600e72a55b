"""What each of Stripe's webhooks says about a call of ours."""

import json
from typing import Any

import pytest

from libs.money import Money
from services.payment.clients.stripe_events import read_event
from services.payment.domain.notices import Irrelevant, Notice
from services.payment.domain.states import ActionRequired, Purpose, Refused, Succeeded, Verdict

OURS = {"payment_id": "pay_1", "order_id": "ord_1"}
INTENT: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 1000,
    "currency": "usd",
    "status": "requires_capture",
    "amount_capturable": 1000,
    "metadata": OURS,
}
REFUND: dict[str, Any] = {
    "id": "re_1",
    "object": "refund",
    "amount": 400,
    "currency": "usd",
    "status": "succeeded",
    "metadata": {**OURS, "refund_id": "rfd_1"},
}
DONE = Succeeded("pi_1", Money(1000, "USD"))


def event(subject: object) -> str:
    return json.dumps({"id": "evt_1", "type": "any", "data": {"object": subject}})


@pytest.mark.parametrize(
    ("event_type", "change", "purpose", "verdict"),
    [
        ("payment_intent.amount_capturable_updated", {}, Purpose.AUTHORIZE, DONE),
        (
            "payment_intent.requires_action",
            {
                "status": "requires_action",
                "next_action": {"redirect_to_url": {"url": "https://bank.example"}},
            },
            Purpose.AUTHORIZE,
            ActionRequired("https://bank.example", "pi_1"),
        ),
        (
            "payment_intent.payment_failed",
            {
                "status": "requires_payment_method",
                "last_payment_error": {"code": "card_declined", "decline_code": "lost_card"},
            },
            Purpose.AUTHORIZE,
            Refused("lost_card"),
        ),
        (
            "payment_intent.succeeded",
            {"status": "succeeded", "amount_received": 1000},
            Purpose.CAPTURE,
            DONE,
        ),
        ("payment_intent.canceled", {"status": "canceled"}, Purpose.VOID, DONE),
    ],
)
def test_an_intents_event_answers_the_call_it_is_about(
    event_type: str, change: dict[str, Any], purpose: Purpose, verdict: Verdict
) -> None:
    assert read_event(event_type, event(INTENT | change)) == Notice(
        "pay_1", "ord_1", purpose, None, verdict
    )


@pytest.mark.parametrize(
    ("event_type", "change", "verdict"),
    [
        ("refund.created", {}, Succeeded("re_1", Money(400, "USD"))),
        ("refund.updated", {}, Succeeded("re_1", Money(400, "USD"))),
        (
            "refund.failed",
            {"status": "failed", "failure_reason": "expired_or_canceled_card"},
            Refused("expired_or_canceled_card"),
        ),
    ],
)
def test_a_refunds_event_answers_the_refund(
    event_type: str, change: dict[str, Any], verdict: Verdict
) -> None:
    assert read_event(event_type, event(REFUND | change)) == Notice(
        "pay_1", "ord_1", Purpose.REFUND, "rfd_1", verdict
    )


@pytest.mark.parametrize(
    ("event_type", "subject"),
    [
        ("customer.created", INTENT),
        ("charge.refunded", {"id": "ch_1"}),
        ("payment_intent.succeeded", {"id": 7}),
        ("payment_intent.succeeded", INTENT | {"metadata": {}}),
        ("refund.updated", REFUND | {"status": "pending"}),
        ("payment_intent.succeeded", INTENT | {"status": "processing"}),
    ],
)
def test_anything_else_is_kept_and_left_alone(event_type: str, subject: object) -> None:
    assert isinstance(read_event(event_type, event(subject)), Irrelevant)
