"""What the catalogue shows: products, variants, prices and the category tree."""

from datetime import datetime
from typing import Literal, Self

from libs.web.strict import ResponseModel
from services.product.domain.catalogue import CategoryNode, Offer, Price, Product, Variant


class PriceOut(ResponseModel):
    """What one piece costs in one currency; `version` grows with every change."""

    currency: str
    amount_minor: int
    version: int

    @classmethod
    def of(cls, price: Price) -> Self:
        return cls(
            currency=price.amount.currency,
            amount_minor=price.amount.amount_minor,
            version=price.version,
        )


class VariantOut(ResponseModel):
    """One sellable form of a product."""

    sku: str
    title: str
    prices: list[PriceOut]

    @classmethod
    def of(cls, variant: Variant) -> Self:
        return cls(
            sku=variant.sku,
            title=variant.title,
            prices=[PriceOut.of(price) for price in variant.prices],
        )


class CategoryLink(ResponseModel):
    """Where a product is filed."""

    category_id: str
    slug: str

    @classmethod
    def of(cls, category_id: str | None, slug: str | None) -> Self | None:
        return (
            None if category_id is None or slug is None else cls(category_id=category_id, slug=slug)
        )


class ProductOut(ResponseModel):
    """A product's full public state. What can be bought now is told by `/v1/variants`, which is never cached."""

    product_id: str
    slug: str
    title: str
    description: str
    status: Literal["draft", "active", "archived"]
    category: CategoryLink | None
    variants: list[VariantOut]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, product: Product) -> Self:
        return cls(
            product_id=product.id,
            slug=product.slug,
            title=product.title,
            description=product.description,
            status=product.status.value,
            category=CategoryLink.of(product.category_id, product.category_slug),
            variants=[VariantOut.of(variant) for variant in product.variants],
            version=product.version,
            created_at=product.created_at,
            updated_at=product.updated_at,
        )


class CategoryOut(ResponseModel):
    """A category and those below it."""

    category_id: str
    slug: str
    title: str
    children: list["CategoryOut"]

    @classmethod
    def of(cls, node: CategoryNode) -> Self:
        return cls(
            category_id=node.category.id,
            slug=node.category.slug,
            title=node.category.title,
            children=[CategoryOut.of(child) for child in node.children],
        )


class CategoryTree(ResponseModel):
    """All categories, roots first."""

    items: list[CategoryOut]


class VariantOffer(ResponseModel):
    """What a SKU is sold for right now; the price is null where it is not sold in the currency."""

    sku: str
    product_id: str
    title: str
    currency: str
    unit_price_minor: int | None
    price_version: int | None
    available: int

    @classmethod
    def of(cls, offer: Offer) -> Self:
        return cls(
            sku=offer.sku,
            product_id=offer.product_id,
            title=offer.title,
            currency=offer.currency,
            unit_price_minor=None if offer.price is None else offer.price.amount.amount_minor,
            price_version=None if offer.price is None else offer.price.version,
            available=offer.available,
        )


class VariantOffers(ResponseModel):
    """The SKUs that are sold, in the order they were asked for; the others are left out."""

    items: list[VariantOffer]
