"""Everything a webhook can be, as a table: what is answered, what is stored, and whether money is booked.

Each case meets an order whose capture succeeded while the answer was lost: only a true webhook may bring it to an end.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from libs.clock import utc_now
from libs.ids import new_id
from libs.testing.plugin import SettingsFor
from libs.web.middleware import intake
from services.payment.main import create_app
from services.payment.settings import PaymentSettings
from tests.payment.conftest import Shop
from tests.payment.routes.conftest import StartApp
from tests.payment.service.test_webhooks import event_body, signed, stored

APPLIED = ("applied", None)
REPEATED = ("repeated", None)

Charge = dict[str, Any]
Body = bytes | AsyncIterator[bytes]


@dataclass(frozen=True)
class Request:
    """One delivery, as it goes over the wire."""

    body: Body
    signature: str | None


@dataclass(frozen=True)
class Case:
    """What is sent about the charge, and what has to come of it."""

    requests: Callable[[Charge], list[Request]]
    answer: tuple[int, str | None]
    stored: list[tuple[str, str | None]]
    captured: bool = False


def captured(charge: Charge, **changes: Any) -> bytes:
    return event_body("charge.captured", {**charge, **changes})


def true(body: bytes, *, skew: int = 0, secret: str = "live") -> Request:  # noqa: S107 - a test secret
    return Request(body, signed(body, int(utc_now().timestamp()) + skew, secret))


def reserialised(charge: Charge) -> list[Request]:
    body = captured(charge)
    other = json.dumps(json.loads(body), separators=(",", ":")).encode()
    return [Request(other, true(body).signature)]


def replayed(charge: Charge) -> list[Request]:
    return [true(captured(charge))] * 10


def out_of_order(charge: Charge) -> list[Request]:
    return [true(captured(charge)), true(event_body("charge.authorized", charge))]


def trickling(charge: Charge) -> list[Request]:
    async def body() -> AsyncIterator[bytes]:
        yield captured(charge)[:10]
        await asyncio.Event().wait()

    return [Request(body(), true(captured(charge)).signature)]


def about(charge: Charge, **metadata: str) -> list[Request]:
    return [true(captured(charge, metadata={**charge["metadata"], **metadata}))]


ACCEPTED = (200, None)
REFUSED = (400, "webhook_signature_invalid")
CASES = {
    "bad MAC": Case(lambda c: [true(captured(c), secret="attacker")], REFUSED, []),
    "re-serialised body": Case(reserialised, REFUSED, []),
    "301 s old": Case(lambda c: [true(captured(c), skew=-302)], REFUSED, []),
    "from the future": Case(lambda c: [true(captured(c), skew=310)], REFUSED, []),
    "no header": Case(lambda c: [Request(captured(c), None)], REFUSED, []),
    "live secret": Case(lambda c: [true(captured(c))], ACCEPTED, [APPLIED], captured=True),
    "previous secret": Case(
        lambda c: [true(captured(c), secret="previous")], ACCEPTED, [APPLIED], captured=True
    ),
    "unknown type": Case(
        lambda c: [true(event_body("invoice.paid", c))], ACCEPTED, [("ignored", "unknown type")]
    ),
    "replayed ten times": Case(replayed, ACCEPTED, [APPLIED], captured=True),
    "out of order": Case(out_of_order, ACCEPTED, [APPLIED, REPEATED], captured=True),
    "wrong amount": Case(
        lambda c: [true(captured(c, captured_minor=999))],
        ACCEPTED,
        [("rejected", "amount_mismatch")],
    ),
    "wrong currency": Case(
        lambda c: [true(captured(c, currency="EUR"))], ACCEPTED, [("rejected", "amount_mismatch")]
    ),
    "another order": Case(
        lambda c: about(c, order_id="ord_other"), ACCEPTED, [("rejected", "names another order")]
    ),
    "unknown payment": Case(
        lambda c: about(c, payment_id="pay_none"), ACCEPTED, [("ignored", "no such payment")]
    ),
    "no event": Case(lambda _: [true(b"[]")], (400, "webhook_unreadable"), []),
    "65 KiB": Case(
        lambda c: [true(captured(c, padding="x" * 65 * 1024))], (413, "webhook_too_large"), []
    ),
    "1 MB": Case(
        lambda c: [true(captured(c, padding="x" * 1024 * 1024))], (413, "body_too_large"), []
    ),
    "slow body": Case(trickling, (408, "body_too_slow"), []),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_webhook_is_answered_stored_and_applied_as_the_table_says(
    client: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "slow body":
        monkeypatch.setattr(intake, "_READ_SECONDS", 0.2)
    case = CASES[name]
    order_id = await shop.captured("tok_error_after_capture", order_id=new_id("ord"))
    [charge] = await shop.charges(order_id)
    for request in case.requests(charge):
        headers = {"Content-Type": "application/json"}
        if request.signature is not None:
            headers["Simulator-Signature"] = request.signature
        answer = await client.post("/v1/webhooks/simulator", content=request.body, headers=headers)
        assert (answer.status_code, answer.json().get("code")) == case.answer
    assert await shop.state(order_id) == "capturing", "stored and acknowledged before it is applied"
    await shop.webhooks().process_pending()
    assert await stored(shop) == case.stored
    told = ["captured"] if case.captured else []
    assert await shop.events(order_id) == ["authorized", *told]
    assert await shop.admin.fetchval("SELECT count(*) FROM ledger_transactions") == len(told)


@pytest.mark.parametrize("secret", ["live", "previous"])
async def test_stripes_events_are_stored_and_acknowledged_under_its_own_name(
    client: httpx.AsyncClient, shop: Shop, secret: str
) -> None:
    body, headers = from_stripe(secret)
    for _ in range(3):
        response = await client.post("/v1/webhooks/stripe", content=body, headers=headers)
        assert (response.status_code, response.json()) == (200, {"received": True})
    rows = await shop.admin.fetch(
        "SELECT provider, provider_event_id, body, state FROM provider_events"
    )
    assert [tuple(row) for row in rows] == [("stripe", "evt_1", body.decode(), "pending")]


async def test_a_provider_nobody_configured_is_heard_by_nobody(
    settings_for: SettingsFor, client_for: StartApp, shop: Shop
) -> None:
    app = create_app(PaymentSettings.model_validate(settings_for("payment").model_dump()))
    client = await client_for(app)
    body, headers = from_stripe("")
    response = await client.post("/v1/webhooks/stripe", content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == REFUSED
    assert await stored(shop) == []


def from_stripe(secret: str) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"id": "evt_1", "type": "charge.captured", "data": {}}).encode()
    signature = signed(body, int(utc_now().timestamp()), secret)
    return body, {"Stripe-Signature": signature, "Content-Type": "application/json"}
