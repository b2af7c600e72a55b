from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from libs.testing.tokens import TokenFactory
from services.product.service.catalogue import forget
from tests.product.shop import Shop

CACHEABLE = "public, max-age=30, s-maxage=300, stale-if-error=600"


class Statements:
    """Counts what the application sends to PostgreSQL."""

    def __init__(self, app: FastAPI) -> None:
        self.seen: list[str] = []
        engine = app.state.database._engine.sync_engine
        event.listen(engine, "before_cursor_execute", self._record)
        self._engine = engine

    def _record(self, _c: object, _u: object, statement: str, *_: object) -> None:
        self.seen.append(statement)

    def stop(self) -> None:
        event.remove(self._engine, "before_cursor_execute", self._record)


@pytest.fixture
async def statements(client: httpx.AsyncClient, product_app: FastAPI) -> AsyncIterator[Statements]:
    counting = Statements(product_app)
    yield counting
    counting.stop()


async def titles(client: httpx.AsyncClient, **query: str | int) -> list[str]:
    answer = await client.get("/v1/products", params=query)
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_a_product_is_found_by_id_and_by_slug(client: httpx.AsyncClient, shop: Shop) -> None:
    await shop.category("mugs")
    product = await shop.product("enamel-mug", stock={"MUG": 1}, category="mugs")
    by_id = await client.get(f"/v1/products/{product.id}")
    assert by_id.status_code == 200
    assert by_id.json()["category"]["slug"] == "mugs"
    assert by_id.json()["variants"] == [
        {
            "sku": "MUG",
            "title": "Form MUG",
            "prices": [
                {"currency": "EUR", "amount_minor": 1199, "version": 1},
                {"currency": "INR", "amount_minor": 99900, "version": 1},
                {"currency": "USD", "amount_minor": 1299, "version": 1},
            ],
        }
    ]
    by_slug = await client.get("/v1/products/enamel-mug")
    assert by_slug.content == by_id.content
    assert by_slug.headers["ETag"] == by_id.headers["ETag"] == '"v1"'
    assert by_slug.headers["Cache-Control"] == CACHEABLE


async def test_a_warm_catalogue_read_asks_the_database_nothing(
    client: httpx.AsyncClient, shop: Shop, statements: Statements
) -> None:
    await shop.product("mug")
    for path in ("/v1/products/mug", "/v1/products?q=mug&facets=true", "/v1/categories"):
        cold = await client.get(path)
        assert statements.seen
        statements.seen.clear()
        warm = await client.get(path)
        assert statements.seen == []
        assert warm.content == cold.content
        fresh = await client.get(path, headers={"If-None-Match": cold.headers["ETag"]})
        assert (fresh.status_code, fresh.content) == (304, b"")
        assert fresh.headers["Cache-Control"] == CACHEABLE


async def test_an_unknown_draft_or_archived_product_is_not_found(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    draft = await shop.product("draft", status="draft")
    archived = await shop.product("old")
    async with shop.editor() as editor:
        await editor.archive_product(archived.id, lambda _: None)
    for path in ("/v1/products/nothing", f"/v1/products/{draft.id}", "/v1/products/old"):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert answer.json()["code"] == "product_not_found"
    seen = await client.get(f"/v1/products/{draft.id}", headers=as_admin)
    assert seen.json()["status"] == "draft"
    assert seen.headers["Cache-Control"] == "private, no-store"
    assert (await client.get("/v1/products/nothing", headers=as_admin)).status_code == 404
    assert await titles(client) == []


async def test_a_customers_token_sees_the_public_catalogue(
    client: httpx.AsyncClient, shop: Shop, token_factory: TokenFactory
) -> None:
    await shop.product("mug")
    headers = {"Authorization": f"Bearer {token_factory()}"}
    answer = await client.get("/v1/products/mug", headers=headers)
    assert answer.headers["Cache-Control"] == CACHEABLE


async def test_search_forgives_typos_but_prefers_words_as_written(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    await shop.product("a", title="Wireless headphones")
    await shop.product("b", title="Ceramic mug", description="Goes with headphones")
    await shop.product("c", title="Muddy boots")
    assert await titles(client, q="headphones") == ["Wireless headphones", "Ceramic mug"]
    assert await titles(client, q="mugs") == ["Ceramic mug"]
    answer = (await client.get("/v1/products", params={"q": "hedphones"})).json()
    assert [item["title"] for item in answer["items"]] == ["Wireless headphones"]
    assert answer["similar_words"] is True
    assert await titles(client, q="zzzz") == []
    assert await titles(client, q="  ") == ["Muddy boots", "Ceramic mug", "Wireless headphones"]
    assert await titles(client, q="headphones -ceramic") == ["Wireless headphones"]


async def test_listings_filter_by_category_tree_price_and_stock(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    await shop.category("home")
    await shop.category("mugs", "home")
    await shop.product("cheap", category="mugs", prices={"USD": 500})
    await shop.product("dear", category="home", prices={"USD": 5000, "EUR": 4500})
    await shop.product("gone", stock={"GONE": 0}, prices={"USD": 700})
    assert await titles(client, category="home") == ["Dear", "Cheap"]
    assert await titles(client, category="mugs") == ["Cheap"]
    assert await titles(client, sort="price") == ["Cheap", "Gone", "Dear"]
    assert await titles(client, sort="-price") == ["Dear", "Gone", "Cheap"]
    assert await titles(client, min_price=500, max_price=700, sort="price") == ["Cheap", "Gone"]
    assert await titles(client, available="true") == ["Dear", "Cheap"]
    assert await titles(client, available="false") == ["Gone"]
    assert await titles(client, currency="EUR") == ["Dear"]
    missing = await client.get("/v1/products", params={"category": "nowhere"})
    assert (missing.status_code, missing.json()["code"]) == (404, "category_not_found")


async def test_facets_count_all_hits(client: httpx.AsyncClient, shop: Shop) -> None:
    mugs = await shop.category("mugs")
    for number, price in enumerate((100, 200, 200, 900)):
        await shop.product(f"mug-{number}", category="mugs", prices={"USD": price})
    await shop.product("gone", stock={"GONE": 0}, prices={"USD": 200})
    answer = await client.get("/v1/products", params={"facets": "true", "limit": 1})
    facets = answer.json()["facets"]
    assert facets["total"] == 5
    assert facets["availability"] == {"available": 4, "sold_out": 1}
    assert facets["categories"] == [
        {"category_id": mugs.id, "slug": "mugs", "title": "Mugs", "count": 4}
    ]
    assert sum(one["count"] for one in facets["prices"]) == 5
    for one in facets["prices"]:
        narrowed = await client.get(
            "/v1/products", params={"min_price": one["min_price"], "max_price": one["max_price"]}
        )
        assert len(narrowed.json()["items"]) == one["count"]


@pytest.mark.parametrize(
    "query", [{}, {"sort": "price"}, {"sort": "-price"}, {"q": "mug"}, {"q": "mugg"}]
)
async def test_paging_shows_each_product_once_while_others_are_added(
    client: httpx.AsyncClient, shop: Shop, query: dict[str, str]
) -> None:
    for number in range(7):
        await shop.product(f"m{number}", title="Mug", prices={"USD": 100 + number % 2})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get("/v1/products", params={"limit": 2, **query, **cursor})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seen += [item["slug"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
        await shop.product(f"late-{len(seen)}", title="Mug", prices={"USD": 50})
    assert len(seen) == len(set(seen))
    assert {f"m{number}" for number in range(7)} <= set(seen)


async def test_a_cursor_serves_only_the_list_that_made_it(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    for number in range(3):
        await shop.product(f"mug-{number}")
    cursor = (await client.get("/v1/products?limit=1")).json()["next_cursor"]
    for query in ({"sort": "price"}, {"currency": "EUR"}):
        other = await client.get("/v1/products", params={"cursor": cursor, **query})
        assert (other.status_code, other.json()["code"]) == (400, "cursor_invalid")
    forged = await client.get("/v1/products", params={"cursor": cursor[:-2] + "AA"})
    assert forged.status_code == 400
    assert (await client.get("/v1/products", params={"cursor": cursor, "limit": 50})).is_success


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "currency=XXX",
        "min_price=-1",
        "sort=up",
        "colour=red",
        "min_price=9&max_price=1",
        "q=" + "x" * 201,
        "category=%00",
    ],
)
async def test_a_senseless_listing_is_refused_with_a_problem(
    client: httpx.AsyncClient, query: str
) -> None:
    answer = await client.get(f"/v1/products?{query}")
    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_the_category_tree_is_nested(client: httpx.AsyncClient, shop: Shop) -> None:
    await shop.category("home")
    await shop.category("mugs", "home")
    tree = (await client.get("/v1/categories")).json()["items"]
    assert [(one["slug"], [child["slug"] for child in one["children"]]) for one in tree] == [
        ("home", ["mugs"])
    ]


async def test_variants_are_answered_in_a_batch_with_price_and_stock(
    client: httpx.AsyncClient, shop: Shop, statements: Statements
) -> None:
    product = await shop.product("mug", title="Mug", stock={"A": 3, "B": 0})
    await shop.product("euro", stock={"E": 1}, prices={"EUR": 900})
    await shop.product("draft", stock={"D": 1}, status="draft")
    answer = await client.get(
        "/v1/variants", params={"sku": ["B", "X", "A", "E", "D", "B"], "currency": "USD"}
    )
    assert answer.headers["Cache-Control"] == "no-cache"
    assert len(statements.seen) == 1
    items = answer.json()["items"]
    assert [(one["sku"], one["unit_price_minor"], one["available"]) for one in items] == [
        ("B", 1299, 0),
        ("A", 1299, 3),
        ("E", None, 1),
    ]
    assert items[1] == {
        "sku": "A",
        "product_id": product.id,
        "title": "Mug, Form A",
        "currency": "USD",
        "unit_price_minor": 1299,
        "price_version": 1,
        "available": 3,
    }
    assert (await client.get("/v1/variants")).status_code == 422


async def test_price_and_availability_are_never_cached(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    await shop.product("mug", stock={"A": 3})
    stock = await client.get("/v1/variants/A/availability")
    assert stock.json() == {"sku": "A", "available": 3}
    price = await client.get("/v1/products/mug/variants/A/prices/EUR")
    assert price.json() == {"currency": "EUR", "amount_minor": 1199, "version": 1}
    for answer in (stock, price):
        assert answer.headers["Cache-Control"] == "no-cache"
    await shop.hold({"A": 1})
    changed = await client.get(
        "/v1/variants/A/availability", headers={"If-None-Match": stock.headers["ETag"]}
    )
    assert changed.json()["available"] == 2
    for path, code in {
        "/v1/variants/X/availability": "variant_not_found",
        "/v1/products/none/variants/A/prices/EUR": "product_not_found",
        "/v1/products/mug/variants/X/prices/EUR": "variant_not_found",
        "/v1/products/mug/variants/A/prices/JPY": "price_not_found",
    }.items():
        missing = await client.get(path)
        assert (missing.status_code, missing.json()["code"]) == (404, code)


async def test_forgetting_makes_lists_and_products_fresh(
    client: httpx.AsyncClient, shop: Shop, product_app: FastAPI
) -> None:
    assert await titles(client) == []
    assert (await client.get("/v1/products/mug")).status_code == 404
    await shop.product("mug")
    assert await titles(client) == []
    await forget(product_app.state.resources.byte_cache, ["mug"])
    assert await titles(client) == ["Mug"]
    assert (await client.get("/v1/products/mug")).is_success
