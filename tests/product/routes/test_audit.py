import httpx

from libs.database.session import Database
from tests.product.shop import Shop
from tests.recorded import entries


async def test_a_change_of_stock_or_price_is_recorded_with_who_made_it(
    client: httpx.AsyncClient, shop: Shop, database: Database, as_admin: dict[str, str]
) -> None:
    product = await shop.product("mug", stock={"A": 0})
    body = {"quantity": 5, "reason": "received"}
    counted = await client.post("/v1/stock-levels/A/adjustments", json=body, headers=as_admin)
    assert counted.status_code == 201
    read = await client.get(f"/v1/products/{product.id}", headers=as_admin)
    priced = await client.put(
        f"/v1/products/{product.id}/variants/A/prices/USD",
        json={"amount_minor": 1999},
        headers={**as_admin, "If-Match": read.headers["ETag"]},
    )
    assert priced.status_code == 200, priced.text
    stock, price = await entries(database)
    assert (stock["action"], stock["subject"]) == ("stock.adjusted", "A")
    assert stock["details"] == {"quantity": 5, "reason": "received"}
    assert (price["action"], price["subject"]) == ("price.changed", "A")
    assert price["details"]["amount_minor"] == 1999
    assert price["actor"] == stock["actor"]
    assert price["actor"].startswith("usr_")
