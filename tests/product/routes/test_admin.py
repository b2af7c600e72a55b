import httpx
import pytest

from libs.contracts.product import ProductChanged
from libs.testing.tokens import TokenFactory
from libs.testing.waiting import eventually
from tests.product.shop import Shop

NEW = {
    "slug": "enamel-mug",
    "title": "Enamel mug",
    "description": "For camping",
    "variants": [{"sku": "MUG-RED", "title": "red", "prices": {"USD": 1299, "INR": 99900}}],
}
PATCH = {"Content-Type": "application/merge-patch+json"}


async def test_creating_a_product_announces_it_and_starts_without_stock(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    mugs = await shop.category("mugs")
    made = await client.post("/v1/products", json={**NEW, "category": "mugs"}, headers=as_admin)
    assert made.status_code == 201, made.text
    body = made.json()
    assert made.headers["Location"] == f"/v1/products/{body['product_id']}"
    assert made.headers["ETag"] == '"v1"'
    assert body["category"] == {"category_id": mugs.id, "slug": "mugs"}
    assert await shop.piles("MUG-RED") == (0, 0, 0)
    told, version = (await shop.events(body["product_id"]))[-1]
    assert isinstance(told, ProductChanged)
    assert (told.slug, told.status, version) == ("enamel-mug", "active", 1)
    assert [price.amount_minor for price in told.variants[0].prices] == [99900, 1299]
    found = await client.get(made.headers["Location"])
    assert found.json() == body


async def test_the_same_key_creates_one_product(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    headers = {**as_admin, "Idempotency-Key": '"create-1"'}
    first = await client.post("/v1/products", json=NEW, headers=headers)
    again = await client.post("/v1/products", json=NEW, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert [type(event) for event, _ in await shop.events()].count(ProductChanged) == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"slug": "taken"}, 409, "slug_taken"),
        ({"variants": [{"sku": "TAKEN", "title": "x", "prices": {}}]}, 409, "sku_taken"),
        ({"category": "nowhere"}, 404, "category_not_found"),
        ({"slug": "No Slug"}, 422, None),
        ({"variants": []}, 422, None),
        ({"variants": [NEW["variants"][0], NEW["variants"][0]]}, 422, None),
        ({"variants": [{"sku": "A", "title": "x", "prices": {"XXX": 1}}]}, 422, None),
        ({"variants": [{"sku": "A", "title": "x", "prices": {"USD": -1}}]}, 422, None),
        ({"variants": [{"sku": "A", "title": "x", "prices": {"USD": 1.5}}]}, 422, None),
        ({"colour": "red"}, 422, None),
    ],
)
async def test_a_wrong_product_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient,
    shop: Shop,
    as_admin: dict[str, str],
    change: dict[str, object],
    status: int,
    code: str | None,
) -> None:
    await shop.product("taken", stock={"TAKEN": 0})
    before = len(await shop.events())
    answer = await client.post("/v1/products", json={**NEW, **change}, headers=as_admin)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code
    assert (await client.get("/v1/products/enamel-mug")).status_code == 404
    assert len(await shop.events()) == before


async def test_a_patch_changes_what_was_sent_and_nothing_else(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.category("mugs")
    product = await shop.product("mug", title="Mug", category="mugs", description="Old")
    path = f"/v1/products/{product.id}"
    assert (await client.get("/v1/products/mug")).json()["title"] == "Mug"
    changed = await client.patch(
        path,
        json={"title": "Big mug", "slug": "big-mug", "category": None},
        headers={**as_admin, **PATCH, "If-Match": '"v1"'},
    )
    assert changed.status_code == 200, changed.text
    assert changed.headers["ETag"] == '"v2"'
    body = changed.json()
    assert (body["title"], body["slug"], body["category"]) == ("Big mug", "big-mug", None)
    assert body["description"] == "Old"
    assert (await shop.events(product.id))[-1][1] == 2

    async def caches_know() -> bool:
        by_id, by_old_slug = await client.get(path), await client.get("/v1/products/mug")
        return by_id.json()["title"] == "Big mug" and by_old_slug.status_code == 404

    await eventually(caches_know)


async def test_a_patch_may_move_a_product_to_another_category(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.category("mugs")
    product = await shop.product("mug")
    headers = {**as_admin, **PATCH, "If-Match": '"v1"'}
    moved = await client.patch(
        f"/v1/products/{product.id}", json={"category": "mugs"}, headers=headers
    )
    assert moved.json()["category"]["slug"] == "mugs"


@pytest.mark.parametrize(
    ("if_match", "status"), [(None, 428), ('"v9"', 412), ('W/"v1"', 412), ("nonsense", 412)]
)
async def test_a_change_without_the_current_tag_is_refused(
    client: httpx.AsyncClient,
    shop: Shop,
    as_admin: dict[str, str],
    if_match: str | None,
    status: int,
) -> None:
    product = await shop.product("mug", stock={"A": 0})
    path = f"/v1/products/{product.id}"
    headers = as_admin | ({} if if_match is None else {"If-Match": if_match})
    variant = {"sku": "B", "title": "b", "prices": {}}
    answers = [
        await client.patch(path, json={"title": "x"}, headers={**headers, **PATCH}),
        await client.delete(path, headers=headers),
        await client.post(f"{path}/variants", json=variant, headers=headers),
        await client.put(
            f"{path}/variants/A/prices/USD", json={"amount_minor": 1}, headers=headers
        ),
    ]
    assert [answer.status_code for answer in answers] == [status] * 4
    assert len(await shop.events(product.id)) == 1


@pytest.mark.parametrize("body", [{}, {"title": None}, {"title": ""}, {"version": 3}])
async def test_a_senseless_patch_is_refused(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str], body: dict[str, object]
) -> None:
    product = await shop.product("mug")
    headers = {**as_admin, **PATCH, "If-Match": '"v1"'}
    answer = await client.patch(f"/v1/products/{product.id}", json=body, headers=headers)
    assert answer.status_code == 422


async def test_a_patch_cannot_take_anothers_slug(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    await shop.product("bowl")
    product = await shop.product("mug")
    headers = {**as_admin, **PATCH, "If-Match": '"v1"'}
    answer = await client.patch(
        f"/v1/products/{product.id}", json={"slug": "bowl"}, headers=headers
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "slug_taken")


async def test_an_archived_product_is_gone_and_takes_no_change(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    product = await shop.product("mug")
    path = f"/v1/products/{product.id}"
    gone = await client.delete(path, headers={**as_admin, "If-Match": '"v1"'})
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get(path)).status_code == 404
    again = await client.delete(path, headers={**as_admin, "If-Match": '"v2"'})
    assert (again.status_code, again.json()["code"]) == (409, "product_archived")
    told, _ = (await shop.events(product.id))[-1]
    assert isinstance(told, ProductChanged)
    assert told.status == "archived"


async def test_a_price_has_versions_of_its_own(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    product = await shop.product("mug", stock={"A": 0}, prices={"USD": 1299})
    path = f"/v1/products/{product.id}/variants/A/prices"

    async def put(currency: str, amount: int, tag: str) -> httpx.Response:
        return await client.put(
            f"{path}/{currency}",
            json={"amount_minor": amount},
            headers={**as_admin, "If-Match": tag},
        )

    raised = await put("USD", 1500, '"v1"')
    assert raised.json() == {"currency": "USD", "amount_minor": 1500, "version": 2}
    assert raised.headers["ETag"] == '"v2"'
    same = await put("USD", 1500, '"v2"')
    assert (same.json()["version"], same.headers["ETag"]) == (2, '"v2"')
    added = await put("EUR", 1400, '"v2"')
    assert (added.json()["version"], added.headers["ETag"]) == (1, '"v3"')
    assert (await put("EUR", 1, '"v2"')).status_code == 412
    listed = await client.get("/v1/products", params={"currency": "EUR"})
    assert listed.json()["items"][0]["price_from"] == {"amount_minor": 1400, "currency": "EUR"}
    told = await shop.events(product.id)
    assert [version for _, version in told] == [1, 2, 3]


async def test_a_price_of_nothing_known_is_not_found(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    product = await shop.product("mug")
    headers = {**as_admin, "If-Match": '"v1"'}
    for owner, code in ((product.id, "variant_not_found"), ("prd_x", "product_not_found")):
        answer = await client.put(
            f"/v1/products/{owner}/variants/X/prices/USD", json={"amount_minor": 1}, headers=headers
        )
        assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_a_variant_is_added_with_its_prices(
    client: httpx.AsyncClient, shop: Shop, as_admin: dict[str, str]
) -> None:
    product = await shop.product("mug", stock={"A": 0})
    path = f"/v1/products/{product.id}/variants"
    variant = {"sku": "B", "title": "blue", "prices": {"USD": 5}}
    added = await client.post(path, json=variant, headers={**as_admin, "If-Match": '"v1"'})
    assert added.status_code == 201
    assert [one["sku"] for one in added.json()["variants"]] == ["A", "B"]
    assert await shop.piles("B") == (0, 0, 0)
    taken = await client.post(path, json=variant, headers={**as_admin, "If-Match": '"v2"'})
    assert (taken.status_code, taken.json()["code"]) == (409, "sku_taken")


async def test_categories_are_created_below_others(
    client: httpx.AsyncClient, as_admin: dict[str, str]
) -> None:
    for body, status in (
        ({"slug": "home", "title": "Home"}, 201),
        ({"slug": "mugs", "title": "Mugs", "parent": "home"}, 201),
        ({"slug": "mugs", "title": "Mugs"}, 409),
        ({"slug": "bowls", "title": "Bowls", "parent": "nowhere"}, 404),
    ):
        answer = await client.post("/v1/categories", json=body, headers=as_admin)
        assert answer.status_code == status, answer.text
    tree = (await client.get("/v1/categories")).json()["items"]
    assert tree[0]["children"][0]["slug"] == "mugs"


async def test_only_an_admin_with_a_live_session_changes_the_catalogue(
    client: httpx.AsyncClient, token_factory: TokenFactory
) -> None:
    for headers, status in (
        ({}, 401),
        ({"Authorization": f"Bearer {token_factory()}"}, 403),
        ({"Authorization": f"Bearer {token_factory.admin(session=False)}"}, 401),
    ):
        answer = await client.post("/v1/products", json=NEW, headers=headers)
        assert answer.status_code == status


async def test_staff_who_showed_a_password_alone_see_no_draft(
    client: httpx.AsyncClient, shop: Shop, token_factory: TokenFactory
) -> None:
    draft = await shop.product("draft", status="draft")
    weak = {"Authorization": f"Bearer {token_factory.admin_by_password()}"}
    assert (await client.get(f"/v1/products/{draft.id}", headers=weak)).status_code == 404
