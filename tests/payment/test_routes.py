"""Payment over HTTP: owners see their payments, administrators the ledger, the provider only the webhook."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.requests import Request
from starlette.types import Message

from libs.clock import utc_now
from libs.testing.plugin import SettingsFor
from libs.testing.tokens import TokenFactory
from services.payment import routes
from services.payment.errors import WebhookTooSlow
from services.payment.main import create_app
from services.payment.settings import PaymentSettings
from tests.payment.conftest import Shop
from tests.payment.service.test_webhooks import signed

OWNER = "usr_1"
StartApp = Callable[[FastAPI], Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def client(settings_for: SettingsFor, client_for: StartApp) -> httpx.AsyncClient:
    settings = settings_for(
        "payment",
        role="api",
        webhook_secret=SecretStr("live"),
        webhook_secret_previous=SecretStr("previous"),
    )
    assert isinstance(settings, PaymentSettings)
    return await client_for(create_app(settings))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_an_owner_reads_a_payment_and_its_refunds(
    client: httpx.AsyncClient, shop: Shop, token_factory: TokenFactory
) -> None:
    order_id = await shop.captured()
    refund_id = await shop.refund(order_id, 250)
    payment = await shop.payment(order_id)
    headers = bearer(token_factory(subject=OWNER))
    response = await client.get(f"/v1/payments/{payment['id']}", headers=headers)
    assert response.status_code == 200
    body = response.json()
    assert body["state"] == "partially_refunded"
    assert body["amount"] == {"amount_minor": 1000, "currency": "USD"}
    assert (body["captured_minor"], body["refunded_minor"]) == (1000, 250)
    assert [refund["refund_id"] for refund in body["refunds"]] == [refund_id]
    assert "payment_method" not in body
    assert response.headers["cache-control"] == "private, no-store"
    again = await client.get(
        f"/v1/payments/{payment['id']}",
        headers={**headers, "If-None-Match": response.headers["etag"]},
    )
    assert again.status_code == 304
    listed = await client.get("/v1/payments", params={"order_id": order_id}, headers=headers)
    assert listed.json() == {"items": [body], "next_cursor": None}


async def test_a_foreign_payment_does_not_exist(
    client: httpx.AsyncClient, shop: Shop, token_factory: TokenFactory
) -> None:
    order_id = await shop.authorize("tok_ok")
    payment = await shop.payment(order_id)
    stranger = bearer(token_factory())
    foreign = await client.get(f"/v1/payments/{payment['id']}", headers=stranger)
    missing = await client.get("/v1/payments/pay_none", headers=stranger)
    for response in (foreign, missing):
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == "payment_not_found"
    listed = await client.get("/v1/payments", params={"order_id": order_id}, headers=stranger)
    assert listed.json()["items"] == []
    administrator = bearer(token_factory.admin())
    seen = await client.get(f"/v1/payments/{payment['id']}", headers=administrator)
    assert seen.status_code == 200


async def test_a_payment_voided_before_it_was_asked_for_has_no_amount(
    client: httpx.AsyncClient, shop: Shop, token_factory: TokenFactory
) -> None:
    await shop.void("ord_early")
    await shop.authorize("tok_ok", order_id="ord_early")
    listed = await client.get(
        "/v1/payments",
        params={"order_id": "ord_early"},
        headers=bearer(token_factory(subject=OWNER)),
    )
    [item] = listed.json()["items"]
    assert (item["state"], item["amount"]) == ("voided", None)


@pytest.mark.parametrize(
    "path", ["/v1/payments/pay_1", "/v1/payments", "/v1/ledger/balances", "/v1/ledger/entries"]
)
async def test_reading_needs_a_token_with_the_scope(
    client: httpx.AsyncClient, token_factory: TokenFactory, path: str
) -> None:
    assert (await client.get(path)).status_code == 401
    powerless = bearer(token_factory(scopes="profile:read"))
    assert (await client.get(path, headers=powerless)).status_code == 403


@pytest.mark.parametrize("path", ["/v1/ledger/balances", "/v1/ledger/entries"])
async def test_the_ledger_needs_an_administrator_with_a_live_session(
    client: httpx.AsyncClient, token_factory: TokenFactory, path: str
) -> None:
    customer = bearer(token_factory(subject=OWNER))
    assert (await client.get(path, headers=customer)).status_code == 403
    ended = bearer(token_factory.admin(session=False))
    assert (await client.get(path, headers=ended)).status_code == 401
    assert (await client.get(path, headers=bearer(token_factory.admin()))).status_code == 200


async def test_the_ledger_sums_to_zero_per_currency(
    client: httpx.AsyncClient, shop: Shop, token_factory: TokenFactory
) -> None:
    order_id = await shop.captured()
    await shop.refund(order_id, 300)
    await shop.captured(currency="JPY", amount_minor=77)
    headers = bearer(token_factory.admin())
    items = (await client.get("/v1/ledger/balances", headers=headers)).json()["items"]
    balances = {(item["account"], item["currency"]): item["balance_minor"] for item in items}
    assert balances == {
        ("provider_clearing", "USD"): 700,
        ("sales", "USD"): -1000,
        ("refunds", "USD"): 300,
        ("provider_clearing", "JPY"): 77,
        ("sales", "JPY"): -77,
    }


async def test_ledger_entries_are_listed_page_by_page(
    client: httpx.AsyncClient, shop: Shop, token_factory: TokenFactory
) -> None:
    order_id = await shop.captured()
    await shop.refund(order_id, 300)
    other = await shop.captured()
    headers = bearer(token_factory.admin())
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = {"order_id": order_id, "limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/ledger/entries", params=params, headers=headers)).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        stolen = {"order_id": other, "cursor": cursor}
        refused = await client.get("/v1/ledger/entries", params=stolen, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (400, "cursor_invalid")
    assert [(item["account"], item["side"], item["amount"]["amount_minor"]) for item in seen] == [
        ("provider_clearing", "debit", 1000),
        ("sales", "credit", 1000),
        ("refunds", "debit", 300),
        ("provider_clearing", "credit", 300),
    ]
    everything = (await client.get("/v1/ledger/entries", headers=headers)).json()["items"]
    assert len(everything) == 6


def webhook(signed_with: str = "live", event_id: str = "evt_1") -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"id": event_id, "type": "charge.captured", "data": {}}).encode()
    signature = signed(body, int(utc_now().timestamp()), signed_with)
    return body, {"Simulator-Signature": signature, "Content-Type": "application/json"}


@pytest.mark.parametrize("secret", ["live", "previous"])
async def test_a_signed_webhook_is_stored_and_acknowledged(
    client: httpx.AsyncClient, shop: Shop, secret: str
) -> None:
    body, headers = webhook(secret)
    for _ in range(3):
        response = await client.post("/v1/webhooks/simulator", content=body, headers=headers)
        assert (response.status_code, response.json()) == (200, {"received": True})
    rows = await shop.admin.fetch("SELECT provider_event_id, body, state FROM provider_events")
    assert [tuple(row) for row in rows] == [("evt_1", body.decode(), "pending")]


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
    monkeypatch.setattr(routes, "_LONGEST_WEBHOOK_SECONDS", 0.05)
    never = asyncio.Event()

    async def receive_nothing() -> Message:
        await never.wait()
        raise AssertionError

    request = Request({"type": "http", "method": "POST", "headers": []}, receive_nothing)
    with pytest.raises(WebhookTooSlow):
        await routes._raw_body(request)
