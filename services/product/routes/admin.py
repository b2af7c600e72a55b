"""Administration of the catalogue. Changes need `If-Match`: a lost update of a price costs money."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from libs.idempotency.one_transaction import Idempotent
from libs.idempotency.reply import Reply
from libs.money import Money
from libs.web.audience import admin
from libs.web.conditional import (
    PreconditionFailed,
    PreconditionRequired,
    etag_of,
    require_match,
)
from libs.web.errors import problem_responses
from services.product.dependencies import CatalogueWrite, EditorDep
from services.product.domain.catalogue import Category, CategoryNode, Product
from services.product.errors import (
    CategoryNotFound,
    ProductArchived,
    ProductNotFound,
    SkuTaken,
    SlugTaken,
    VariantNotFound,
)
from services.product.schemas.catalogue import CategoryOut, PriceOut, ProductOut
from services.product.schemas.changes import (
    NewCategory,
    NewPrice,
    NewProduct,
    NewVariant,
    ProductPatch,
)
from services.product.schemas.fields import Currency, Reference, Sku

CHANGE_PROBLEMS = (PreconditionRequired, PreconditionFailed, ProductNotFound, ProductArchived)

ProductId = Annotated[Reference, Path()]

router = APIRouter(tags=["catalogue administration"])


def shown(product: Product, status: int = 200) -> Reply:
    """Answer with a product and its new tag."""
    return Reply(status, ProductOut.of(product), {"ETag": etag_of(product.version)})


@router.post(
    "/v1/products",
    response_model=ProductOut,
    status_code=201,
    openapi_extra=admin(),
    responses=problem_responses(CategoryNotFound, SlugTaken, SkuTaken),
)
async def create_product(
    body: NewProduct, _: CatalogueWrite, editor: EditorDep, idempotency: Idempotent
) -> Response:
    """Create a product with its variants; their stock starts at zero."""

    async def create() -> Reply:
        product = await editor.create_product(body)
        headers = {
            "Location": f"/v1/products/{product.id}",
            "ETag": etag_of(product.version),
        }
        return Reply(201, ProductOut.of(product), headers)

    return await idempotency.once(create)


@router.patch(
    "/v1/products/{product_id}",
    response_model=ProductOut,
    openapi_extra=admin(),
    responses=problem_responses(*CHANGE_PROBLEMS, CategoryNotFound, SlugTaken),
)
async def patch_product(
    product_id: ProductId,
    body: ProductPatch,
    request: Request,
    _: CatalogueWrite,
    editor: EditorDep,
    idempotency: Idempotent,
) -> Response:
    """Change members of a product (JSON Merge Patch)."""

    async def patch() -> Reply:
        return shown(await editor.patch_product(product_id, body, partial(require_match, request)))

    return await idempotency.once(patch)


@router.delete(
    "/v1/products/{product_id}",
    status_code=204,
    openapi_extra=admin(),
    responses=problem_responses(*CHANGE_PROBLEMS),
)
async def archive_product(
    product_id: ProductId,
    request: Request,
    _: CatalogueWrite,
    editor: EditorDep,
    idempotency: Idempotent,
) -> Response:
    """Withdraw a product for good; what was ordered of it stays ordered."""

    async def archive() -> Reply:
        await editor.archive_product(product_id, partial(require_match, request))
        return Reply(204, None)

    return await idempotency.once(archive)


@router.post(
    "/v1/products/{product_id}/variants",
    response_model=ProductOut,
    status_code=201,
    openapi_extra=admin(),
    responses=problem_responses(*CHANGE_PROBLEMS, SkuTaken),
)
async def add_variant(
    product_id: ProductId,
    body: NewVariant,
    request: Request,
    _: CatalogueWrite,
    editor: EditorDep,
    idempotency: Idempotent,
) -> Response:
    """Add a variant to a product; its stock starts at zero."""

    async def add() -> Reply:
        return shown(
            await editor.add_variant(product_id, body, partial(require_match, request)), 201
        )

    return await idempotency.once(add)


@router.put(
    "/v1/products/{product_id}/variants/{sku}/prices/{currency}",
    response_model=PriceOut,
    openapi_extra=admin(),
    responses=problem_responses(*CHANGE_PROBLEMS, VariantNotFound),
)
async def put_price(
    product_id: ProductId,
    sku: Annotated[Sku, Path()],
    currency: Annotated[Currency, Path()],
    body: NewPrice,
    request: Request,
    caller: CatalogueWrite,
    editor: EditorDep,
    idempotency: Idempotent,
) -> Response:
    """Set what a variant costs in a currency. `If-Match` names the product's tag, because a price is part of it."""

    async def put() -> Reply:
        price, product = await editor.put_price(
            product_id,
            sku,
            Money(body.amount_minor, currency),
            caller.actor,
            partial(require_match, request),
        )
        return Reply(200, PriceOut.of(price), {"ETag": etag_of(product.version)})

    return await idempotency.once(put)


@router.post(
    "/v1/categories",
    response_model=CategoryOut,
    status_code=201,
    openapi_extra=admin(),
    responses=problem_responses(CategoryNotFound, SlugTaken),
)
async def create_category(
    body: NewCategory, _: CatalogueWrite, editor: EditorDep, idempotency: Idempotent
) -> Response:
    """Create a category; its slug is for ever."""

    async def create() -> Reply:
        category: Category = await editor.create_category(body)
        return Reply(201, CategoryOut.of(CategoryNode(category, ())))

    return await idempotency.once(create)
