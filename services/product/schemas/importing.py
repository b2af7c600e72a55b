"""Lines of a catalogue file: one JSON object each, a category or a product."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from libs.web.strict import RequestModel
from services.product.schemas.fields import AmountMinor, Currency, Description, Sku, Slug, Title

LARGEST_STOCK = 10**9


class ImportedCategory(RequestModel):
    """A category; its parent stands earlier in the file or is in the shop already."""

    slug: Slug
    title: Title
    parent: Slug | None = None


class ImportedVariant(RequestModel):
    """A variant; `stock` counts only the first time its SKU is seen."""

    sku: Sku
    title: Title
    prices: Annotated[dict[Currency, AmountMinor], Field(max_length=20)]
    stock: Annotated[int, Field(ge=0, le=LARGEST_STOCK)] = 0


class ImportedProduct(RequestModel):
    """A product with all its variants."""

    slug: Slug
    title: Title
    description: Description = ""
    category: Slug | None = None
    variants: Annotated[list[ImportedVariant], Field(min_length=1, max_length=100)]


class ImportLine(RequestModel):
    """Either a category or a product."""

    category: ImportedCategory | None = None
    product: ImportedProduct | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "ImportLine":
        if (self.category is None) == (self.product is None):
            raise PydanticCustomError("one_of", "must hold either a category or a product")
        return self
