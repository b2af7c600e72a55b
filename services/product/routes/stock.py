"""Stock levels and the ledger behind them."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from libs.idempotency.one_transaction import Idempotent
from libs.idempotency.reply import Reply
from libs.runtime.resources import ResourcesDep
from libs.web.audience import admin
from libs.web.conditional import (
    PreconditionFailed,
    check_match,
    conditional_response,
    etag_of,
    json_response,
)
from libs.web.errors import problem_responses
from libs.web.pagination import DEFAULT_LIMIT, Cursor, CursorInvalid, Limit, Page
from services.product.dependencies import StockDep, StockWrite
from services.product.errors import StockBelowZero, VariantNotFound
from services.product.schemas.fields import Sku
from services.product.schemas.stock import AdjustmentOut, NewAdjustment, Spread, StockLevelOut

router = APIRouter(tags=["stock"])


@router.get(
    "/v1/stock-levels/{sku}",
    response_model=StockLevelOut,
    openapi_extra=admin(),
    responses=problem_responses(VariantNotFound),
)
async def get_stock_level(
    sku: Annotated[Sku, Path()], request: Request, _: StockWrite, stock: StockDep
) -> Response:
    """Get where a SKU's pieces are."""
    level = await stock.level(sku)
    return conditional_response(request, StockLevelOut.of(level), etag=etag_of(level.version))


@router.get(
    "/v1/stock-levels/{sku}/adjustments",
    response_model=Page[AdjustmentOut],
    openapi_extra=admin(),
    responses=problem_responses(VariantNotFound, CursorInvalid),
)
async def list_stock_adjustments(
    sku: Annotated[Sku, Path()],
    _: StockWrite,
    stock: StockDep,
    resources: ResourcesDep,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """List a SKU's ledger, newest first."""
    return json_response(await stock.adjustments(sku, resources.cursors, cursor, limit))


@router.post(
    "/v1/stock-levels/{sku}/adjustments",
    response_model=AdjustmentOut,
    status_code=201,
    openapi_extra=admin(),
    responses=problem_responses(VariantNotFound, StockBelowZero, PreconditionFailed),
)
async def adjust_stock(
    sku: Annotated[Sku, Path()],
    body: NewAdjustment,
    request: Request,
    principal: StockWrite,
    stock: StockDep,
    idempotency: Idempotent,
) -> Response:
    """Add or take away pieces. Differences cannot lose one another, so `If-Match` is optional here."""

    async def adjust() -> Reply:
        adjustment, level = await stock.adjust(
            sku, body, principal.actor, partial(check_match, request)
        )
        return Reply(201, AdjustmentOut.of(adjustment), {"ETag": etag_of(level.version)})

    return await idempotency.once(adjust)


@router.put(
    "/v1/stock-levels/{sku}/buckets",
    response_model=StockLevelOut,
    openapi_extra=admin(),
    responses=problem_responses(VariantNotFound, PreconditionFailed),
)
async def spread_stock(
    sku: Annotated[Sku, Path()],
    body: Spread,
    request: Request,
    _: StockWrite,
    stock: StockDep,
    idempotency: Idempotent,
) -> Response:
    """Keep a hot SKU's pieces in several rows, so that many can buy it at once. No piece moves between piles."""

    async def spread() -> Reply:
        level = await stock.spread(sku, body.buckets, partial(check_match, request))
        return Reply(200, StockLevelOut.of(level), {"ETag": etag_of(level.version)})

    return await idempotency.once(spread)
