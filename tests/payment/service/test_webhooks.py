"""Webhooks: signature, storage before acknowledgement, and one effect whoever brings the answer first."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from libs.clock import utc_now
from libs.ids import new_id
from libs.testing.waiting import FrozenClock
from services.payment.domain.states import Purpose
from services.payment.errors import WebhookSignatureInvalid, WebhookUnreadable
from services.payment.service.webhooks import (
    TOLERANCE_SECONDS,
    WebhookInbox,
    check_signature,
)
from tests.payment.conftest import Shop
from tests.payment.service.faulty import CrashError, FaultyProvider

SECRET, PREVIOUS = "live", "previous"
BODY = b'{"id": "evt_1", "type": "charge.captured"}'
NOW = 1_800_000_000


def signed(body: bytes, moment: int = NOW, secret: str = SECRET) -> str:
    payload = f"{moment}.".encode() + body
    return f"t={moment},v1={hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()}"


@pytest.mark.parametrize("secret", [SECRET, PREVIOUS])
def test_both_live_secrets_are_accepted(secret: str) -> None:
    check_signature(signed(BODY, secret=secret), BODY, [SECRET, PREVIOUS], NOW)


def test_one_of_several_signatures_suffices() -> None:
    other = signed(BODY, secret="next").split(",")[1]
    check_signature(f"{signed(BODY)},{other}", BODY, [SECRET], NOW)
    check_signature(
        f"{signed(BODY, secret='next')},{signed(BODY).split(',')[1]}", BODY, [SECRET], NOW
    )


@pytest.mark.parametrize("skew", [-TOLERANCE_SECONDS, 0, TOLERANCE_SECONDS])
def test_a_clock_may_be_five_minutes_off(skew: int) -> None:
    check_signature(signed(BODY, NOW + skew), BODY, [SECRET], NOW)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        "t=,v1=00",
        "t=abc,v1=00",
        f"t={NOW}",
        f"t={NOW},v1=",
        f"t={NOW},v1=00",
        f"t={NOW},v1=\u00e9",
        f"t={NOW},t={NOW},v1=00",
        "t=\u0661,v1=00",
        signed(BODY, secret="other"),
        signed(BODY, secret=PREVIOUS),
        signed(BODY + b" "),
        signed(json.dumps(json.loads(BODY), separators=(",", ":")).encode()),
        signed(BODY, NOW - TOLERANCE_SECONDS - 1),
        signed(BODY, NOW + TOLERANCE_SECONDS + 1),
        signed(BODY).replace(f"t={NOW}", f"t={NOW + 1}"),
    ],
)
def test_anything_else_is_refused(header: str | None) -> None:
    with pytest.raises(WebhookSignatureInvalid):
        check_signature(header, BODY, [SECRET], NOW)


async def receive(shop: Shop, body: bytes) -> None:
    clock = FrozenClock(utc_now())
    header = signed(body, int(clock.now().timestamp()))
    await shop.units.run(
        lambda unit: WebhookInbox(unit, "simulator", [SECRET], clock).receive(body, header)
    )


def event_body(event_type: str, data: dict[str, Any], event_id: str | None = None) -> bytes:
    event = {"id": event_id or new_id("evt"), "type": event_type, "data": {"object": data}}
    return json.dumps(event).encode()


async def stored(shop: Shop) -> list[tuple[str, str | None]]:
    rows = await shop.admin.fetch("SELECT state, note FROM provider_events ORDER BY id")
    return [(row["state"], row["note"]) for row in rows]


async def opened(shop: Shop) -> list[tuple[str, str]]:
    rows = await shop.admin.fetch("SELECT kind, order_id FROM reconciliation_cases ORDER BY id")
    return [(row["kind"], row["order_id"]) for row in rows]


async def charge_of(shop: Shop, order_id: str) -> dict[str, Any]:
    [charge] = await shop.charges(order_id)
    return charge


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"id": "", "type": "x"}'])
async def test_a_signed_body_that_is_no_event_is_refused(shop: Shop, body: bytes) -> None:
    with pytest.raises(WebhookUnreadable):
        await receive(shop, body)
    with pytest.raises(WebhookUnreadable):
        await receive(shop, b'{"id": "a\\u0000", "type": "x"}')


@pytest.mark.parametrize(
    "body",
    [
        event_body("invoice.paid", {}),
        event_body("charge.captured", {"surprise": 1}),
        event_body(
            "charge.captured",
            {
                "object": "charge",
                "id": "ch_1",
                "amount_minor": 1,
                "currency": "USD",
                "metadata": {"payment_id": "pay_none", "order_id": "ord_none"},
            },
        ),
    ],
    ids=["type", "member", "payment"],
)
async def test_an_event_of_no_known_type_or_payment_is_kept_and_ignored(
    shop: Shop, body: bytes
) -> None:
    await receive(shop, body)
    assert await shop.webhooks().process_pending() == 1
    [(state, note)] = await stored(shop)
    assert state == "ignored"
    assert note


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "ch_\x00"},
        {"metadata": {"payment_id": "pay_\x00"}},
        {"metadata": {"order_id": "ord_\x00"}},
        {"padding": "\\\x00"},
    ],
    ids=["id", "payment", "order", "after a backslash"],
)
async def test_an_event_the_database_cannot_hold_is_ignored_instead_of_tried_for_ever(
    shop: Shop, changes: dict[str, Any]
) -> None:
    order_id = await shop.captured("tok_timeout_after_capture")
    charge = await charge_of(shop, order_id)
    metadata = {**charge["metadata"], **changes.get("metadata", {})}
    await receive(shop, event_body("charge.captured", {**charge, **changes, "metadata": metadata}))
    await shop.webhooks().process_pending()
    assert await stored(shop) == [("ignored", "holds NUL characters")]


async def test_words_that_only_look_like_a_nul_character_do_no_harm(shop: Shop) -> None:
    order_id = await shop.captured("tok_timeout_after_capture")
    charge = {**await charge_of(shop, order_id), "padding": "\\u0000"}
    await receive(shop, event_body("charge.captured", charge))
    await shop.webhooks().process_pending()
    assert await stored(shop) == [("applied", None)]


@pytest.mark.parametrize(
    ("changes", "note", "kind"),
    [
        ({"captured_minor": 999}, "amount_mismatch", "amount"),
        ({"currency": "EUR"}, "amount_mismatch", "currency"),
        ({"currency": "XXX"}, "currency_unknown", "currency"),
        ({"metadata": {"order_id": "ord_other"}}, "names another order", "state"),
    ],
)
async def test_an_event_that_contradicts_the_payment_is_rejected(
    shop: Shop, changes: dict[str, Any], note: str, kind: str
) -> None:
    order_id = await shop.captured("tok_timeout_after_capture")
    charge = await charge_of(shop, order_id)
    metadata = {**charge["metadata"], **changes.get("metadata", {})}
    await receive(shop, event_body("charge.captured", {**charge, **changes, "metadata": metadata}))
    await shop.webhooks().process_pending()
    assert await stored(shop) == [("rejected", note)]
    assert await opened(shop) == [(kind, order_id)], "a case, at once"
    assert await shop.state(order_id) == "capturing"


async def test_an_event_about_a_call_we_never_made_is_rejected(shop: Shop) -> None:
    order_id = await shop.authorize("tok_ok")
    charge = {**await charge_of(shop, order_id), "status": "captured", "captured_minor": 1000}
    await receive(shop, event_body("charge.captured", charge))
    await shop.webhooks().process_pending()
    assert await stored(shop) == [("rejected", "we made no such call")]
    assert await opened(shop) == [("missing_here", order_id)]
    assert await shop.balances() == {}


async def test_a_webhook_settles_a_lost_authorisation_capture_and_refund(shop: Shop) -> None:
    order_id = await shop.authorize("tok_timeout_after_charge")
    await receive(shop, event_body("charge.authorized", await charge_of(shop, order_id)))
    await shop.webhooks().process_pending()
    assert await shop.events(order_id) == ["outcome_unknown", "authorized"]
    order_id = await shop.captured("tok_timeout_after_capture")
    await receive(shop, event_body("charge.captured", await charge_of(shop, order_id)))
    await shop.webhooks().process_pending()
    assert await shop.events(order_id) == ["authorized", "captured"]
    order_id = await shop.captured("tok_timeout_after_refund")
    await shop.refund(order_id, 10)
    charge = await charge_of(shop, order_id)
    listed = await shop.book.get("/v1/refunds", params={"charge_id": charge["id"]})
    await receive(shop, event_body("refund.succeeded", listed.json()["data"][0]))
    await shop.webhooks().process_pending()
    assert await shop.events(order_id) == ["authorized", "captured", "refunded"]
    order_id = await shop.authorize("tok_timeout_after_void")
    await shop.void(order_id)
    await receive(shop, event_body("charge.voided", await charge_of(shop, order_id)))
    await shop.webhooks().process_pending()
    assert await shop.events(order_id) == ["authorized", "voided"]


async def test_a_webhook_can_bring_a_decline(shop: Shop) -> None:
    faulty = FaultyProvider(shop.provider, crash_after={Purpose.AUTHORIZE})
    order_id = new_id("ord")
    with pytest.raises(CrashError):
        await shop.authorize("tok_decline", order_id=order_id, provider=faulty)
    await receive(shop, event_body("charge.declined", await charge_of(shop, order_id)))
    await shop.webhooks().process_pending()
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["decline_reason"]) == ("declined", "card_declined")


async def test_a_webhook_for_an_authorisation_to_be_voided_leads_to_the_void(shop: Shop) -> None:
    order_id = await shop.authorize("tok_timeout_after_charge")
    await shop.void(order_id)
    await receive(shop, event_body("charge.authorized", await charge_of(shop, order_id)))
    await shop.webhooks().process_pending()
    assert await shop.events(order_id) == ["outcome_unknown", "voided"]
    assert (await charge_of(shop, order_id))["status"] == "voided"


async def test_events_out_of_order_and_repeated_change_nothing_twice(shop: Shop) -> None:
    order_id = await shop.captured()
    charge = await charge_of(shop, order_id)
    for event_type in ("charge.captured", "charge.authorized", "charge.captured"):
        await receive(shop, event_body(event_type, charge))
    await shop.webhooks().process_pending()
    assert {state for state, _ in await stored(shop)} == {"repeated"}
    assert await shop.events(order_id) == ["authorized", "captured"]
    assert await shop.balances() == {"provider_clearing": 1000, "sales": -1000}


async def test_an_event_that_cannot_be_applied_waits_without_holding_up_others(
    shop: Shop,
) -> None:
    broken = await shop.authorize("tok_ok")
    await shop.admin.execute("UPDATE provider_operations SET state = 'unknown'")
    await receive(shop, event_body("charge.authorized", await charge_of(shop, broken)))
    lost = await shop.authorize("tok_timeout_after_charge")
    await receive(shop, event_body("charge.authorized", await charge_of(shop, lost)))
    assert await shop.webhooks().process_pending() == 2
    assert await stored(shop) == [("pending", None), ("applied", None)]
    assert await shop.state(lost) == "authorized"
