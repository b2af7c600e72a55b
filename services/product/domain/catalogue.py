"""Products, categories, prices and what a listing may ask for."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from libs.money import Money
from services.product.errors import ProductArchived, SearchInvalid


class ProductStatus(StrEnum):
    """Draft is for admins' eyes, active is sold, archived is kept for history only."""

    DRAFT = "draft"
    ACTIVE = "active"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Price:
    """What one piece costs in one currency; the version grows with every change."""

    amount: Money
    version: int


@dataclass(frozen=True, slots=True)
class Variant:
    """One sellable form of a product."""

    sku: str
    title: str
    prices: tuple[Price, ...]

    def price_in(self, currency: str) -> Price | None:
        return next((price for price in self.prices if price.amount.currency == currency), None)


@dataclass(frozen=True, slots=True)
class Category:
    """A node of the category tree."""

    id: str
    slug: str
    title: str
    parent_id: str | None


@dataclass(frozen=True, slots=True)
class Product:
    """A product's public state."""

    id: str
    slug: str
    title: str
    description: str
    status: ProductStatus
    category_id: str | None
    category_slug: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    variants: tuple[Variant, ...]

    def variant(self, sku: str) -> Variant | None:
        return next((variant for variant in self.variants if variant.sku == sku), None)

    def require_editable(self) -> None:
        """Refuse changes to an archived product.

        Raises:
            ProductArchived: it is archived.
        """
        if self.status is ProductStatus.ARCHIVED:
            raise ProductArchived("an archived product cannot be changed; create a new one")


@dataclass(frozen=True, slots=True)
class CategoryNode:
    """A category with the categories below it."""

    category: Category
    children: tuple["CategoryNode", ...]


def category_tree(categories: Iterable[Category]) -> tuple[CategoryNode, ...]:
    """Arrange categories under their parents, each level by title."""
    below: dict[str | None, list[Category]] = defaultdict(list)
    for category in categories:
        below[category.parent_id].append(category)

    def level(parent_id: str | None) -> tuple[CategoryNode, ...]:
        ordered = sorted(below[parent_id], key=lambda category: (category.title, category.id))
        return tuple(CategoryNode(category, level(category.id)) for category in ordered)

    return level(None)


def line_title(product_title: str, variant_title: str) -> str:
    """Name a variant the way an order line shows it: `Enamel mug, red`."""
    if not variant_title or variant_title == product_title:
        return product_title
    return f"{product_title}, {variant_title}"


class Sort(StrEnum):
    """Orders a listing can have; a minus means descending."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    PRICE = "price"
    PRICE_DESCENDING = "-price"


@dataclass(frozen=True, slots=True)
class Search:
    """What a listing shows: filters, currency and order."""

    currency: str
    text: str | None = None
    category: str | None = None
    min_price_minor: int | None = None
    max_price_minor: int | None = None
    available: bool | None = None
    sort: Sort | None = None

    def __post_init__(self) -> None:
        if (
            self.min_price_minor is not None
            and self.max_price_minor is not None
            and self.min_price_minor > self.max_price_minor
        ):
            raise SearchInvalid("min_price is above max_price")

    @property
    def order(self) -> Sort:
        """The order to use: the one asked for, else relevance for a text and newest without one."""
        asked = self.sort or Sort.RELEVANCE
        return Sort.NEWEST if asked is Sort.RELEVANCE and self.text is None else asked


@dataclass(frozen=True, slots=True)
class Offer:
    """What a SKU is sold for right now, in one currency."""

    sku: str
    product_id: str
    title: str
    status: ProductStatus
    currency: str
    price: Price | None
    available: int
    is_spread: bool = False
