from dataclasses import replace
from datetime import UTC, datetime

import pytest

from libs.money import Money
from services.product.domain.catalogue import (
    Category,
    Price,
    Product,
    ProductStatus,
    Search,
    Sort,
    Variant,
    category_tree,
    line_title,
)
from services.product.errors import ProductArchived, SearchInvalid

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VARIANT = Variant("MUG-RED", "red", (Price(Money(1299, "USD"), 3),))
PRODUCT = Product(
    id="prd_1",
    slug="mug",
    title="Mug",
    description="",
    status=ProductStatus.ACTIVE,
    category_id=None,
    category_slug=None,
    version=1,
    created_at=NOW,
    updated_at=NOW,
    variants=(VARIANT,),
)


def test_a_variant_has_one_price_per_currency() -> None:
    assert VARIANT.price_in("USD") == Price(Money(1299, "USD"), 3)
    assert VARIANT.price_in("EUR") is None


def test_a_product_knows_its_variants() -> None:
    assert PRODUCT.variant("MUG-RED") is VARIANT
    assert PRODUCT.variant("MUG-BLUE") is None


def test_only_an_archived_product_takes_no_change() -> None:
    PRODUCT.require_editable()
    with pytest.raises(ProductArchived):
        replace(PRODUCT, status=ProductStatus.ARCHIVED).require_editable()


def test_categories_stand_under_their_parents_by_title() -> None:
    home = Category("1", "home", "Home", None)
    mugs = Category("2", "mugs", "Mugs", "1")
    bowls = Category("3", "bowls", "Bowls", "1")
    art = Category("4", "art", "Art", None)
    tree = category_tree([mugs, home, bowls, art])
    assert [node.category for node in tree] == [art, home]
    assert [node.category for node in tree[1].children] == [bowls, mugs]


@pytest.mark.parametrize(("variant", "shown"), [("red", "Mug, red"), ("", "Mug"), ("Mug", "Mug")])
def test_a_line_is_named_by_product_and_variant(variant: str, shown: str) -> None:
    assert line_title("Mug", variant) == shown


@pytest.mark.parametrize(
    ("text", "asked", "used"),
    [
        ("mug", None, Sort.RELEVANCE),
        ("mug", Sort.NEWEST, Sort.NEWEST),
        (None, None, Sort.NEWEST),
        (None, Sort.RELEVANCE, Sort.NEWEST),
        (None, Sort.PRICE, Sort.PRICE),
    ],
)
def test_relevance_needs_a_text(text: str | None, asked: Sort | None, used: Sort) -> None:
    assert Search("USD", text=text, sort=asked).order is used


def test_a_price_range_must_not_be_upside_down() -> None:
    Search("USD", min_price_minor=5, max_price_minor=5)
    with pytest.raises(SearchInvalid):
        Search("USD", min_price_minor=6, max_price_minor=5)
