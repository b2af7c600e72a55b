"""The webhook's route: signed events are stored and acknowledged, anything else is refused unstored."""

import asyncio
import json

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from libs.clock import utc_now
from libs.testing.plugin import SettingsFor
from services.payment.errors import WebhookTooSlow
from services.payment.main import create_app
from services.payment.routes import webhooks
from services.payment.settings import PaymentSettings
from tests.payment.conftest import Shop
from tests.payment.routes.conftest import StartApp
from tests.payment.service.test_webhooks import signed


def webhook(
    signed_with: str = "live", event_id: str = "evt_1", header: str = "Simulator-Signature"
) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"id": event_id, "type": "charge.captured", "data": {}}).encode()
    signature = signed(body, int(utc_now().timestamp()), signed_with)
    return body, {header: signature, "Content-Type": "application/json"}


@pytest.mark.parametrize("secret", ["live", "previous"])
@pytest.mark.parametrize("provider", ["simulator", "stripe"])
async def test_a_signed_webhook_is_stored_and_acknowledged(
    client: httpx.AsyncClient, shop: Shop, secret: str, provider: str
) -> None:
    body, headers = webhook(secret, header=f"{provider.title()}-Signature")
    for _ in range(3):
        response = await client.post(f"/v1/webhooks/{provider}", content=body, headers=headers)
        assert (response.status_code, response.json()) == (200, {"received": True})
    rows = await shop.admin.fetch(
        "SELECT provider, provider_event_id, body, state FROM provider_events"
    )
    assert [tuple(row) for row in rows] == [(provider, "evt_1", body.decode(), "pending")]


async def test_a_provider_nobody_configured_is_heard_by_nobody(
    settings_for: SettingsFor, client_for: StartApp, shop: Shop
) -> None:
    app = create_app(PaymentSettings.model_validate(settings_for("payment").model_dump()))
    client = await client_for(app)
    body, headers = webhook("", header="Stripe-Signature")
    response = await client.post("/v1/webhooks/stripe", content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "webhook_signature_invalid")
    assert await shop.admin.fetchval("SELECT count(*) FROM provider_events") == 0


async def test_an_unsigned_or_changed_webhook_is_refused_and_not_stored(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    body, headers = webhook()
    unsigned = {"Content-Type": "application/json"}
    _, foreign = webhook("attacker")
    for content, given in ((body, unsigned), (body + b" ", headers), (body, foreign)):
        response = await client.post("/v1/webhooks/simulator", content=content, headers=given)
        assert response.status_code == 400
        assert response.json()["code"] == "webhook_signature_invalid"
    assert await shop.admin.fetchval("SELECT count(*) FROM provider_events") == 0


async def test_a_signed_webhook_that_is_no_event_is_refused(client: httpx.AsyncClient) -> None:
    headers = {
        "Simulator-Signature": signed(b"[]", int(utc_now().timestamp())),
        "Content-Type": "application/json",
    }
    response = await client.post("/v1/webhooks/simulator", content=b"[]", headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "webhook_unreadable")


@pytest.mark.parametrize("size", [65 * 1024, 1024 * 1024])
async def test_a_huge_webhook_is_refused_before_it_is_looked_at(
    client: httpx.AsyncClient, shop: Shop, size: int
) -> None:
    _, headers = webhook()
    response = await client.post("/v1/webhooks/simulator", content=b" " * size, headers=headers)
    assert response.status_code == 413
    assert await shop.admin.fetchval("SELECT count(*) FROM provider_events") == 0


async def test_a_webhook_that_trickles_in_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_LONGEST_WEBHOOK_SECONDS", 0.05)
    never = asyncio.Event()

    async def receive_nothing() -> Message:
        await never.wait()
        raise AssertionError

    request = Request({"type": "http", "method": "POST", "headers": []}, receive_nothing)
    with pytest.raises(WebhookTooSlow):
        await webhooks._raw_body(request)
