"""What an admin sends to change the catalogue."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from libs.web.merge_patch import MergePatch
from libs.web.strict import RequestModel
from services.product.schemas.fields import (
    AmountMinor,
    Currency,
    Description,
    Reference,
    Sku,
    Slug,
    Title,
)


class NewCategory(RequestModel):
    """A category to create; its slug is for ever."""

    slug: Slug
    title: Title
    parent: Reference | None = None


class NewVariant(RequestModel):
    """A variant to create."""

    sku: Sku
    title: Title
    prices: Annotated[dict[Currency, AmountMinor], Field(max_length=20)]


class NewProduct(RequestModel):
    """A product to create."""

    slug: Slug
    title: Title
    description: Description = ""
    status: Literal["draft", "active"] = "active"
    category: Reference | None = None
    variants: Annotated[list[NewVariant], Field(min_length=1, max_length=100)]

    @field_validator("variants")
    @classmethod
    def _distinct_skus(cls, variants: list[NewVariant]) -> list[NewVariant]:
        if len({variant.sku for variant in variants}) < len(variants):
            raise ValueError("each SKU may appear once")
        return variants


class ProductPatch(MergePatch):
    """What may be changed of a product; `category: null` takes it out of the tree."""

    slug: Slug = ""
    title: Title = ""
    description: Description = ""
    status: Literal["draft", "active"] = "active"
    category: Reference | None = None


class NewPrice(RequestModel):
    """What one piece shall cost from now on."""

    amount_minor: AmountMinor
