"""The provider's book: what had an effect is found by key and by day, and it never gives away too much."""

import sqlite3
import time
from contextlib import closing

import httpx
import pytest

from simulator.settings import SimulatorSettings
from tests.simulator.calls import charge, code_of, count_charges, post


async def test_effects_are_found_by_the_key_that_had_them(client: httpx.AsyncClient) -> None:
    created = await charge(client)
    path = f"/charges/{created['id']}"
    await post(client, f"{path}/capture", "too-much", {"amount_minor": 5000})
    await post(client, f"{path}/capture", "c")
    await post(client, f"{path}/refunds", "r", {"amount_minor": 10})
    assert await count_charges(client, "k") == 1
    assert await count_charges(client, "c") == 1
    assert await count_charges(client, "too-much") == 0
    assert await count_charges(client, "never") == 0
    found = (await client.get("/v1/refunds", params={"idempotency_key": "r"})).json()["data"]
    assert [one["amount_minor"] for one in found] == [10]


async def test_a_day_is_listed_page_by_page(client: httpx.AsyncClient) -> None:
    made = {(await charge(client, f"k{number}", capture=True))["id"] for number in range(5)}
    day = (await client.get("/v1/charges", params={"idempotency_key": "k0"})).json()["data"][0]
    date = _utc_day(day["created_at"])
    seen: list[str] = []
    more = True
    while more:
        params = {"day": date, "limit": "2", "starting_after": seen[-1] if seen else ""}
        page = (await client.get("/v1/charges", params=params)).json()
        seen += [one["id"] for one in page["data"]]
        more = page["has_more"]
    assert set(seen) == made
    assert len(seen) == 5
    for number, one in enumerate(seen):
        await post(client, f"/charges/{one}/refunds", f"r{number}", {"amount_minor": 1})
    refunds = (await client.get("/v1/refunds", params={"day": date})).json()
    assert len(refunds["data"]) == 5
    assert refunds["has_more"] is False


@pytest.mark.parametrize("path", ["/v1/charges", "/v1/refunds"])
async def test_a_listing_needs_a_filter(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert (response.status_code, code_of(response)) == (400, "filter_missing")


async def test_the_book_itself_refuses_to_give_away_too_much(
    client: httpx.AsyncClient, settings: SimulatorSettings
) -> None:
    created = await charge(client)
    with closing(sqlite3.connect(settings.data / "book.sqlite3")) as book:
        for column in ("captured_minor", "refunded_minor"):
            statement = f"UPDATE charges SET {column} = 1001 WHERE id = ?"  # noqa: S608 - two constants
            with pytest.raises(sqlite3.IntegrityError):
                book.execute(statement, (created["id"],))


def _utc_day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
