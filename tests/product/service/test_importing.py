import json

import pytest

from libs.contracts.product import ProductChanged, StockChanged
from libs.database.session import Database
from libs.topology import MASTER_REGION
from services.product.errors import ImportFileInvalid
from services.product.service.importing import CatalogueImporter, ImportResult
from tests.product.shop import Shop


def category(slug: str, parent: str | None = None) -> dict[str, object]:
    return {"category": {"slug": slug, "title": slug.title(), "parent": parent}}


def product(slug: str, **changes: object) -> dict[str, object]:
    variant = {
        "sku": f"{slug.upper()}-S",
        "title": "small",
        "prices": {"USD": 1299, "EUR": 1199},
        "stock": 25,
    }
    return {
        "product": {
            "slug": slug,
            "title": slug.title(),
            "description": "A thing",
            "category": "mugs",
            "variants": [variant],
            **changes,
        }
    }


async def imported(database: Database, *lines: dict[str, object], **options: bool) -> ImportResult:
    importer = CatalogueImporter(database, MASTER_REGION, batch_size=2, **options)  # type: ignore[arg-type] # flags only
    return await importer.run(json.dumps(line).encode() for line in lines)


FILE = (
    category("home"),
    category("mugs", "home"),
    product("red-mug"),
    product("blue-mug"),
    product("green-mug"),
)


async def test_a_file_becomes_a_catalogue_with_stock(shop: Shop, database: Database) -> None:
    assert await imported(database, *FILE) == ImportResult(2, 3, 3)
    async with shop.editor() as editor:
        found = await editor.products.product("red-mug")
    assert found is not None
    assert (found.title, found.category_slug, found.version) == ("Red-Mug", "mugs", 1)
    assert [price.amount.amount_minor for price in found.variants[0].prices] == [1199, 1299]
    assert await shop.piles("RED-MUG-S") == (25, 0, 0)
    assert await shop.events() == []
    assert await shop.unconserved() == []
    assert (await shop.hold({"RED-MUG-S": 1})).lines[0].unit_price_minor == 1299


async def test_the_same_file_again_changes_nothing(shop: Shop, database: Database) -> None:
    await imported(database, *FILE)
    await shop.hold({"RED-MUG-S": 5})
    assert await imported(database, *FILE, announce=True) == ImportResult(2, 3, 0)
    assert await shop.piles("RED-MUG-S") == (20, 5, 0)
    assert all(not isinstance(event, ProductChanged) for event, _ in await shop.events())


async def test_a_changed_file_changes_and_announces_only_what_differs(
    shop: Shop, database: Database
) -> None:
    await imported(database, *FILE)
    variants = [
        {"sku": "BLUE-MUG-S", "title": "small", "prices": {"USD": 999, "EUR": 1199}},
        {"sku": "BLUE-MUG-L", "title": "large", "prices": {"USD": 1999}, "stock": 3},
    ]
    result = await imported(
        database,
        product("red-mug", title="Crimson mug"),
        product("blue-mug", variants=variants),
        product("green-mug"),
        announce=True,
    )
    assert (result.products, result.changed) == (3, 2)
    told = await shop.events()
    changed = {
        event.slug: (event, version) for event, version in told if isinstance(event, ProductChanged)
    }
    assert set(changed) == {"red-mug", "blue-mug"}
    blue, version = changed["blue-mug"]
    assert version == 2
    assert [(price.currency, price.version) for price in blue.variants[0].prices] == [
        ("EUR", 1),
        ("USD", 2),
    ]
    assert (StockChanged(sku="BLUE-MUG-L", available=3), 1) in told


async def test_the_last_of_two_lines_for_a_slug_wins(shop: Shop, database: Database) -> None:
    await imported(database, *FILE[:2], product("mug", title="First"), product("mug", title="Last"))
    async with shop.editor() as editor:
        found = await editor.products.product("mug")
    assert found is not None
    assert found.title == "Last"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "line 3: line: "),
        (b"{}", "line 3: line: must hold either"),
        (b'{"product": {"slug": "x"}}', "line 3: product.title: Field required"),
        (json.dumps(product("x", category="nowhere")).encode(), "line 3: no category nowhere"),
        (json.dumps(category("x", "nowhere")).encode(), "line 3: no category nowhere"),
    ],
)
async def test_a_wrong_line_is_named(database: Database, line: bytes, says: str) -> None:
    lines = [json.dumps(category("mugs")).encode(), b"\n", line]
    with pytest.raises(ImportFileInvalid, match=says):
        await CatalogueImporter(database, MASTER_REGION).run(lines)


async def test_a_sku_belongs_to_one_product(shop: Shop, database: Database) -> None:
    await shop.product("mine", stock={"MINE": 1})
    variant = {"sku": "MINE", "title": "x", "prices": {}}
    with pytest.raises(ImportFileInvalid, match="other products: MINE"):
        await imported(database, category("mugs"), product("theirs", variants=[variant]))
    twice = [
        category("mugs"),
        product("a", variants=[{**variant, "sku": "SAME"}]),
        product("b", variants=[{**variant, "sku": "SAME"}]),
    ]
    with pytest.raises(ImportFileInvalid, match="twice: SAME"):
        await imported(database, *twice)
    async with shop.editor() as editor:
        assert await editor.products.product("theirs") is None
