"""The public catalogue. Listings and products come from the cache; prices and availability never do."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from libs.web.audience import public
from libs.web.conditional import (
    PUBLIC_CATALOGUE,
    conditional_response,
    etag_of,
    json_response,
)
from libs.web.errors import problem_responses
from libs.web.pagination import CursorInvalid
from services.product.dependencies import (
    CATALOGUE_SCOPE,
    CatalogueDep,
    OffersDep,
    StockDep,
    Visitor,
)
from services.product.errors import (
    CategoryNotFound,
    PriceNotFound,
    ProductNotFound,
    SearchInvalid,
    VariantNotFound,
)
from services.product.schemas.catalogue import CategoryTree, PriceOut, ProductOut, VariantOffers
from services.product.schemas.fields import Currency, Reference, Sku
from services.product.schemas.listing import Listing, ListingQuery
from services.product.schemas.stock import Availability

REVALIDATE = "no-cache"

router = APIRouter(tags=["catalogue"])


@router.get(
    "/v1/products",
    response_model=Listing,
    openapi_extra=public(),
    responses=problem_responses(CategoryNotFound, CursorInvalid, SearchInvalid),
)
async def list_products(
    query: Annotated[ListingQuery, Query()], request: Request, catalogue: CatalogueDep
) -> Response:
    """List or search what is sold in a currency; amounts are minor units."""
    found = await catalogue.listing(query)
    return conditional_response(
        request, found.body, etag=found.etag, cache_control=PUBLIC_CATALOGUE
    )


@router.get(
    "/v1/products/{id_or_slug}",
    response_model=ProductOut,
    openapi_extra=public(),
    responses=problem_responses(ProductNotFound),
)
async def get_product(
    id_or_slug: Annotated[Reference, Path()],
    request: Request,
    visitor: Visitor,
    catalogue: CatalogueDep,
) -> Response:
    """Get a product by id or slug. An admin sees drafts and archived ones too, never from a cache."""
    if visitor is not None and visitor.has(CATALOGUE_SCOPE):
        product = await catalogue.read_product(id_or_slug)
        if product is None:
            raise ProductNotFound("no product has this id or slug")
        return conditional_response(request, product, etag=etag_of(product.version))
    found = await catalogue.product(id_or_slug)
    return conditional_response(
        request, found.body, etag=found.etag, cache_control=PUBLIC_CATALOGUE
    )


@router.get(
    "/v1/products/{id_or_slug}/variants/{sku}/prices/{currency}",
    response_model=PriceOut,
    openapi_extra=public(),
    responses=problem_responses(ProductNotFound, VariantNotFound, PriceNotFound),
)
async def get_price(
    id_or_slug: Annotated[Reference, Path()],
    sku: Annotated[Sku, Path()],
    currency: Annotated[Currency, Path()],
    request: Request,
    offers: OffersDep,
) -> Response:
    """Get what a variant costs right now. The entity tag is the product's, because a price is part of it."""
    price, version = await offers.price(id_or_slug, sku, currency)
    return conditional_response(request, price, etag=etag_of(version), cache_control=REVALIDATE)


@router.get(
    "/v1/categories",
    response_model=CategoryTree,
    openapi_extra=public(),
    responses=problem_responses(),
)
async def list_categories(request: Request, catalogue: CatalogueDep) -> Response:
    """Get the whole category tree."""
    found = await catalogue.tree()
    return conditional_response(
        request, found.body, etag=found.etag, cache_control=PUBLIC_CATALOGUE
    )


@router.get(
    "/v1/variants",
    response_model=VariantOffers,
    openapi_extra=public(),
    responses=problem_responses(),
)
async def list_variants(
    sku: Annotated[list[Sku], Query(min_length=1, max_length=100)],
    offers: OffersDep,
    currency: Annotated[Currency, Query()] = "USD",
) -> Response:
    """Get price and availability of up to 100 SKUs right now; a SKU that is not sold is left out."""
    return json_response(await offers.offers(sku, currency), cache_control=REVALIDATE)


@router.get(
    "/v1/variants/{sku}/availability",
    response_model=Availability,
    openapi_extra=public(),
    responses=problem_responses(VariantNotFound),
)
async def get_availability(
    sku: Annotated[Sku, Path()], request: Request, stock: StockDep
) -> Response:
    """Get how many pieces of a SKU can be bought right now."""
    level = await stock.level(sku)
    return conditional_response(
        request,
        Availability(sku=sku, available=level.available),
        etag=etag_of(level.version),
        cache_control=REVALIDATE,
    )
