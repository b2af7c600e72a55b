import httpx
import pytest

from libs.contracts.product import StockChanged
from libs.testing.tokens import TokenFactory
from tests.product.shop import Shop


async def test_an_adjustment_is_a_ledger_line_and_a_new_level(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 10})
    await shop.hold({"A": 3})
    lost = await client.post(
        "/v1/stock-levels/A/adjustments",
        json={"quantity": -2, "reason": "damaged", "note": "fell"},
        headers=as_admin,
    )
    assert lost.status_code == 201, lost.text
    assert (lost.json()["quantity"], lost.json()["available_after"]) == (-2, 5)
    level = await client.get("/v1/stock-levels/A", headers=as_admin)
    assert {name: level.json()[name] for name in ("received", "available", "held", "sold")} == {
        "received": 8,
        "available": 5,
        "held": 3,
        "sold": 0,
    }
    assert level.headers["ETag"] == lost.headers["ETag"]
    assert level.headers["Cache-Control"] == "private, no-store"
    assert (await shop.events("A"))[-1] == (
        StockChanged(sku="A", available=5),
        level.json()["version"],
    )
    assert await shop.unconserved() == []


async def test_an_adjustment_never_goes_below_zero(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 3})
    await shop.hold({"A": 2})
    refused = await client.post(
        "/v1/stock-levels/A/adjustments",
        json={"quantity": -2, "reason": "lost"},
        headers=as_admin,
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "stock_below_zero")
    assert refused.json()["available"] == 1
    assert await shop.piles("A") == (1, 2, 0)


async def test_the_same_key_adjusts_once(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 0})
    headers = {**as_admin, "Idempotency-Key": "delivery-7"}
    body = {"quantity": 5, "reason": "received"}
    first = await client.post("/v1/stock-levels/A/adjustments", json=body, headers=headers)
    again = await client.post("/v1/stock-levels/A/adjustments", json=body, headers=headers)
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await client.post(
        "/v1/stock-levels/A/adjustments", json={**body, "quantity": 6}, headers=headers
    )
    assert other.status_code == 422
    assert await shop.piles("A") == (5, 0, 0)


async def test_a_stale_tag_is_honoured_when_sent(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 3})
    body = {"quantity": 1, "reason": "found"}
    for tag, status in (('"v1"', 412), ('"v2"', 201)):
        answer = await client.post(
            "/v1/stock-levels/A/adjustments", json=body, headers={**as_admin, "If-Match": tag}
        )
        assert answer.status_code == status


async def test_the_ledger_is_listed_newest_first(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 1})
    for pieces in (2, 3):
        await shop.receive("A", pieces)
    path = "/v1/stock-levels/A/adjustments"
    page = (await client.get(path, params={"limit": 2}, headers=as_admin)).json()
    assert [line["quantity"] for line in page["items"]] == [3, 2]
    rest = await client.get(path, params={"cursor": page["next_cursor"]}, headers=as_admin)
    assert [line["available_after"] for line in rest.json()["items"]] == [1]
    assert rest.json()["next_cursor"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"quantity": 0, "reason": "found"},
        {"quantity": 1},
        {"quantity": 10**10, "reason": "found"},
        {"quantity": 1, "reason": "because"},
    ],
)
async def test_a_senseless_adjustment_is_refused(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str], body: dict[str, object]
) -> None:
    await shop.product("mug", stock={"A": 1})
    answer = await client.post("/v1/stock-levels/A/adjustments", json=body, headers=as_admin)
    assert answer.status_code == 422


async def test_an_unknown_sku_has_no_stock(
    client: httpx.AsyncClient, as_admin: dict[str, str]
) -> None:
    body = {"quantity": 1, "reason": "found"}
    for answer in (
        await client.get("/v1/stock-levels/X", headers=as_admin),
        await client.get("/v1/stock-levels/X/adjustments", headers=as_admin),
        await client.post("/v1/stock-levels/X/adjustments", json=body, headers=as_admin),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "variant_not_found")


async def test_a_customer_sees_no_stock_levels(
    client: httpx.AsyncClient, token_factory: TokenFactory
) -> None:
    headers = {"Authorization": f"Bearer {token_factory()}"}
    assert (await client.get("/v1/stock-levels/A", headers=headers)).status_code == 403


async def test_an_admin_spreads_a_hot_sku_over_buckets(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 10})
    before = await client.get("/v1/stock-levels/A", headers=as_admin)
    spread = await client.put(
        "/v1/stock-levels/A/buckets",
        json={"buckets": 4},
        headers={**as_admin, "If-Match": before.headers["ETag"]},
    )
    assert (spread.status_code, spread.json()["buckets"]) == (200, 4)
    assert spread.json()["available"] == 10
    stale = await client.put(
        "/v1/stock-levels/A/buckets",
        json={"buckets": 8},
        headers={**as_admin, "If-Match": before.headers["ETag"]},
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    now = await client.get("/v1/stock-levels/A", headers=as_admin)
    assert (now.json(), now.headers["ETag"]) == (spread.json(), spread.headers["ETag"])


async def test_what_a_spread_sku_has_is_read_everywhere(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.product("mug", stock={"A": 10})
    await client.put("/v1/stock-levels/A/buckets", json={"buckets": 4}, headers=as_admin)
    assert (await client.get("/v1/variants/A/availability")).json()["available"] == 10
    listed = await client.get("/v1/products?available=true&currency=USD")
    assert [item["slug"] for item in listed.json()["items"]] == ["mug"]
    await shop.hold({"A": 10})
    assert (await client.get("/v1/variants/A/availability")).json()["available"] == 0
    gone = await client.get("/v1/products?available=false&currency=USD")
    assert [item["slug"] for item in gone.json()["items"]] == ["mug"]


@pytest.mark.parametrize("buckets", [0, 65, -1, None])
async def test_a_number_of_buckets_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str], buckets: int | None
) -> None:
    await shop.product("mug", stock={"A": 10})
    refused = await client.put(
        "/v1/stock-levels/A/buckets", json={"buckets": buckets}, headers=as_admin
    )
    assert refused.status_code == 422
    assert (await shop.level("A")).buckets == 0
