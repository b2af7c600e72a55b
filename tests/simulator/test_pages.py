"""3-D Secure's page: what the customer sees, decides once, and where they are sent."""

import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.store import Store
from tests.simulator.calls import CHARGE, code_of, post

SHOP_URL = "http://localhost:8080/orders/ord_1?from=bank"
ASKED = {**CHARGE, "payment_method": "tok_3ds_required", "return_url": SHOP_URL}


async def challenge(client: httpx.AsyncClient, **changes: object) -> dict[str, Any]:
    response = await post(client, "/charges", "k", {**ASKED, **changes})
    assert response.status_code == 201
    found: dict[str, Any] = response.json()
    return found


async def decide(client: httpx.AsyncClient, url: str, decision: str) -> httpx.Response:
    return await client.post(url, data={"decision": decision}, headers={"Authorization": ""})


async def status_of(client: httpx.AsyncClient, charge: dict[str, Any]) -> tuple[str, str | None]:
    found = (await client.get(f"/v1/charges/{charge['id']}")).json()
    return found["status"], found["decline_code"]


async def test_the_page_asks_in_plain_accessible_html(client: httpx.AsyncClient) -> None:
    charge = await challenge(client)
    page = await client.get(charge["redirect_url"], headers={"Authorization": ""})
    assert (page.status_code, charge["status"]) == (200, "requires_action")
    for part in ('lang="en"', "<main>", "<h1>", "<button", 'method="post"', "10.00 USD"):
        assert part in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"), [(1234, "JPY", "1234 JPY"), (1234, "KWD", "1.234 KWD")]
)
async def test_the_page_shows_the_amount_with_the_currencys_decimals(
    client: httpx.AsyncClient, amount: int, currency: str, shown: str
) -> None:
    charge = await challenge(client, amount_minor=amount, currency=currency)
    assert f"<strong>{shown}</strong>" in (await client.get(charge["redirect_url"])).text


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [("confirm", ("authorized", None)), ("refuse", ("declined", "authentication_failed"))],
)
async def test_the_first_decision_counts_and_leads_back_to_the_shop(
    client: httpx.AsyncClient, decision: str, outcome: tuple[str, str | None]
) -> None:
    charge = await challenge(client)
    for given in (decision, "confirm", "refuse"):
        answer = await decide(client, charge["redirect_url"], given)
        assert (answer.status_code, answer.headers["location"]) == (303, SHOP_URL)
        assert await status_of(client, charge) == outcome
    page = await client.get(charge["redirect_url"])
    assert "<form" not in page.text
    assert SHOP_URL in page.text


async def test_without_a_way_back_the_page_says_what_happened(client: httpx.AsyncClient) -> None:
    charge = await challenge(client, return_url=None)
    answer = await decide(client, charge["redirect_url"], "refuse")
    assert (answer.status_code, "nothing is charged" in answer.text) == (200, True)


@pytest.mark.parametrize("body", [b"", b"decision=maybe", b"decision=confirm&decision=refuse"])
async def test_anything_else_decides_nothing(client: httpx.AsyncClient, body: bytes) -> None:
    charge = await challenge(client)
    answer = await client.post(charge["redirect_url"], content=body)
    assert answer.status_code == 400
    huge = await client.post(charge["redirect_url"], content=b"decision=confirm&x=" + b"x" * 2000)
    assert huge.status_code == 400
    assert await status_of(client, charge) == ("requires_action", None)


async def test_an_unknown_challenge_is_no_page(client: httpx.AsyncClient) -> None:
    assert (await client.get("/3ds/unknown")).status_code == 404
    assert (await decide(client, "/3ds/unknown", "confirm")).status_code == 404


@pytest.mark.parametrize("url", ["javascript:alert(1)", "/orders", "http://a\nb"])
async def test_the_way_back_is_a_web_address(client: httpx.AsyncClient, url: str) -> None:
    refused = await post(client, "/charges", "k", {**ASKED, "return_url": url})
    assert (refused.status_code, code_of(refused)) == (400, "parameter_invalid")


async def test_the_way_back_may_be_written_in_any_case(client: httpx.AsyncClient) -> None:
    taken = await post(client, "/charges", "k", {**ASKED, "return_url": "HTTPS://SHOP.EXAMPLE/"})
    assert taken.status_code == 201


async def test_an_undecided_charge_is_voided_but_not_captured(client: httpx.AsyncClient) -> None:
    charge = await challenge(client)
    capture = await post(client, f"/charges/{charge['id']}/capture", "c")
    assert code_of(capture) == "charge_not_capturable"
    voided = await post(client, f"/charges/{charge['id']}/void", "v")
    assert voided.json()["status"] == "voided"
    await decide(client, charge["redirect_url"], "confirm")
    assert await status_of(client, charge) == ("voided", None)


async def test_voiding_what_was_declined_succeeds_and_changes_nothing(
    client: httpx.AsyncClient,
) -> None:
    charge = await challenge(client)
    await decide(client, charge["redirect_url"], "refuse")
    voided = await post(client, f"/charges/{charge['id']}/void", "v")
    assert (voided.status_code, voided.json()["status"]) == (200, "declined")


def test_a_book_from_before_challenges_is_carried_over(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "book.sqlite3") as before:
        before.executescript(
            "DROP TABLE charges; CREATE TABLE charges (id TEXT PRIMARY KEY, amount_minor INTEGER,"
            " currency TEXT, payment_method TEXT, status TEXT CHECK (status IN ('authorized',"
            " 'captured')), decline_code TEXT, captured_minor INTEGER, refunded_minor INTEGER,"
            " metadata TEXT, idempotency_key TEXT UNIQUE, created_at REAL, day TEXT) STRICT;"
            "INSERT INTO charges VALUES ('ch_1', 10, 'USD', 'tok_ok', 'captured', NULL, 10, 4, '{}',"
            " 'k', 1.0, '2026-01-01');"
            "INSERT INTO refunds VALUES ('re_1', 'ch_1', 4, 'USD', '{}', 'r', 1.0, '2026-01-01')"
        )
    before.close()
    for _ in range(2):
        store = Store(tmp_path)
        assert [tuple(row) for row in store.all("SELECT id, refunded_minor FROM charges")] == [
            ("ch_1", 4)
        ]
        assert store.all("PRAGMA foreign_key_check") == []
        with store.transaction() as connection:
            connection.execute("UPDATE charges SET status = 'requires_action'")
        store.close()
