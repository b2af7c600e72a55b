"""What a listing can be asked and what it answers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from libs.web.pagination import DEFAULT_LIMIT, MAX_LIMIT
from libs.web.strict import ResponseModel
from services.product.domain.catalogue import Search, Sort
from services.product.schemas.catalogue import CategoryLink
from services.product.schemas.fields import AmountMinor, Currency, Reference


class ListingQuery(BaseModel):
    """What `GET /v1/products` can be asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: Annotated[
        str | None,
        Field(max_length=200, description='Words, `"a phrase"`, `-without`; typos are forgiven.'),
    ] = None
    category: Annotated[
        Reference | None, Field(description="Id or slug; categories below it are included.")
    ] = None
    currency: Currency = "USD"
    min_price: Annotated[AmountMinor | None, Field(description="Minor units, included.")] = None
    max_price: Annotated[AmountMinor | None, Field(description="Minor units, included.")] = None
    available: Annotated[
        bool | None, Field(description="true: only what can be bought now; false: only sold out.")
    ] = None
    sort: Annotated[
        Sort | None, Field(description="Without one: relevance with `q`, newest without.")
    ] = None
    cursor: Annotated[str | None, Field(max_length=1024)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    facets: Annotated[
        bool, Field(description="Also count the hits by category, price and availability.")
    ] = False

    @field_validator("q")
    @classmethod
    def _plain_words(cls, value: str | None) -> str | None:
        if value is None:
            return None
        return " ".join(value.replace("\x00", " ").split()) or None

    @field_validator("category")
    @classmethod
    def _no_nul(cls, value: str | None) -> str | None:
        if value is not None and "\x00" in value:
            raise ValueError("must not contain NUL characters")
        return value

    def search(self, category_id: str | None) -> Search:
        """Return the search this asks for.

        Raises:
            SearchInvalid: the price range is empty.
        """
        return Search(
            currency=self.currency,
            text=self.q,
            category=category_id,
            min_price_minor=self.min_price,
            max_price_minor=self.max_price,
            available=self.available,
            sort=self.sort,
        )

    def list_name(self) -> str:
        """Name the list a cursor belongs to: everything but the page."""
        return self.model_dump_json(exclude={"cursor", "limit", "facets"})


class PriceFrom(ResponseModel):
    """The lowest price among a product's variants."""

    amount_minor: int
    currency: str


class ListingItem(ResponseModel):
    """A product in a listing; `available` may be as old as the listing's cache."""

    product_id: str
    slug: str
    title: str
    category: CategoryLink | None
    price_from: PriceFrom
    available: bool


class CategoryFacet(ResponseModel):
    """How many hits are filed under a category itself."""

    category_id: str
    slug: str
    title: str
    count: int


class PriceFacet(ResponseModel):
    """How many hits cost between two amounts, both included."""

    min_price: int
    max_price: int
    count: int


class AvailabilityFacet(ResponseModel):
    """How many hits can be bought now."""

    available: int
    sold_out: int


class FacetsOut(ResponseModel):
    """Counts over all hits, not only this page."""

    total: int
    categories: list[CategoryFacet]
    prices: list[PriceFacet]
    availability: AvailabilityFacet


class Listing(ResponseModel):
    """One page of products; `similar_words` says that nothing contained the words as written."""

    items: list[ListingItem]
    next_cursor: str | None
    similar_words: bool
    facets: FacetsOut | None
