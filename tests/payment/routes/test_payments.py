"""Payment over HTTP: owners see their payments, administrators the ledger."""

from typing import Any

import httpx
import pytest

from libs.testing.tokens import TokenFactory
from tests.payment.conftest import Shop

OWNER = "usr_1"


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
    by_password = bearer(token_factory.admin_by_password())
    unseen = await client.get(f"/v1/payments/{payment['id']}", headers=by_password)
    assert unseen.status_code == 404, "without a second factor staff are customers"


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


async def test_a_payment_shows_the_banks_page_only_while_it_has_to_be_visited(
    client: httpx.AsyncClient, shop: Shop, token_factory: TokenFactory
) -> None:
    order_id = await shop.authorize("tok_3ds_required")
    payment = await shop.payment(order_id)
    headers = bearer(token_factory(subject=OWNER))
    shown = (await client.get(f"/v1/payments/{payment['id']}", headers=headers)).json()
    assert (shown["state"], shown["redirect_url"]) == ("requires_action", payment["redirect_url"])
    await shop.void(order_id)
    shown = (await client.get(f"/v1/payments/{payment['id']}", headers=headers)).json()
    assert (shown["state"], shown["redirect_url"]) == ("voided", None)


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
